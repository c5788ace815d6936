import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { openContainerLog } from "../../src/logs/container-log.ts";
import { parseLogOptions } from "../../src/logs/options.ts";

/** `full-disk-log DIRECTORY`: writes a log to a filesystem of 1 MiB until it is full and on, then makes room, and on. */
const [directory = ""] = process.argv.slice(2);
const said: string[] = [];
const log = openContainerLog({ directory, say: (line) => said.push(line) }, parseLogOptions("json-file", {}));
if (log === undefined) throw new Error("no log");
writeFileSync(join(directory, "ballast"), Buffer.alloc(512 * 1024));
let sent = 0;
const write = async (lines: number): Promise<void> => {
  for (let at = 0; at < lines; at++)
    await log.take("stdout", Buffer.from(`line ${sent++} ${"x".repeat(50)}\n`));
};
await write(10_000);
const full = { ...log.stats };
unlinkSync(join(directory, "ballast"));
await write(100);
await log.close();
const lines = readFileSync(join(directory, `${basename(directory)}-json.log`), "utf8").split(/(?<=\n)/);
const texts = lines.map((line) => (JSON.parse(line) as { readonly log: string }).log);
const result = {
  said,
  sent,
  full,
  dropped: log.stats.dropped,
  texts: texts.map((text) => text.slice(0, 60).trimEnd()),
};
process.stdout.write(JSON.stringify(result));
