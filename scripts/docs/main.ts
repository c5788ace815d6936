import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { home } from "../../src/core/home.ts";
import { firewallPage } from "./firewall.ts";
import { whyPage } from "./why.ts";

/** Writes the pages of docs/ that are made from the program itself. */
writeFileSync(join(home, "docs/firewall.md"), firewallPage());
writeFileSync(join(home, "docs/why.md"), whyPage());
