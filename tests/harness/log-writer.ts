import { openContainerLog } from "../../src/logs/container-log.ts";
import { type Disk, realDisk } from "../../src/logs/log-file.ts";
import { parseLogOptions } from "../../src/logs/options.ts";
import { Fanout } from "../../src/supervisor/fanout.ts";
import { PipeReader } from "../../src/supervisor/pipe-reader.ts";
import { openFifo } from "../../src/sys/fifo.ts";

/**
 * `log-writer DIRECTORY RUN WRITES PART NAME=VALUE...`: keeps what comes through the FIFOs RUN/stdout and RUN/stderr, until
 * all their writers are gone. RUN is also where it keeps what has left them. Its write number WRITES to the log, counted
 * from 1, is its last: it does that part of it, from 0 to 1, and is killed.
 */
const [directory = "", run = "", writes = "", part = "", ...pairs] = process.argv.slice(2);
let left = Number(writes);
const disk: Disk = {
  ...realDisk,
  writeSync: (fd, bytes, offset, length) => {
    left -= 1;
    if (left !== 0) return realDisk.writeSync(fd, bytes, offset, length);
    realDisk.writeSync(fd, bytes, offset, Math.floor(length * Number(part)));
    process.kill(process.pid, "SIGKILL");
    throw new Error("not killed");
  },
};
const options = Object.fromEntries(pairs.map((pair) => pair.split("=") as [string, string]));
const log = openContainerLog(
  { directory, say: (line) => console.log(line), disk },
  parseLogOptions("json-file", options),
);
if (log === undefined) throw new Error("no log");
log.spool(run);
const fanout = new Fanout();
fanout.add(log.take);
const readers = (["stdout", "stderr"] as const).map(
  (name) => new PipeReader(openFifo(`${run}/${name}`, "read"), name, fanout, log.fill.bind(log)),
);
console.log("ready");
// Watching pipes does not keep a process alive.
while (readers.some(({ destroyed }) => !destroyed)) await new Promise((resolve) => setTimeout(resolve, 5));
await log.close();
console.log(JSON.stringify(log.stats));
