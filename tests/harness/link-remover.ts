import { removeSoon } from "../../net/link-removal.ts";

/*
 * Removes a link and is killed as soon as it is told that the link is gone: node link-remover.js NAME ALIAS. Ends by SIGKILL,
 * or with exit code 1.
 */
const [name = "", alias = ""] = process.argv.slice(2);
await removeSoon(name, alias);
process.kill(process.pid, "SIGKILL");
