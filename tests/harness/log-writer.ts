import { Socket } from "node:net";
import { openContainerLog } from "../../src/logs/container-log.ts";
import { parseLogOptions } from "../../src/logs/options.ts";
import { Fanout } from "../../src/supervisor/fanout.ts";
import { openFifo } from "../../src/sys/fifo.ts";

/** `log-writer DIRECTORY FIFO NAME=VALUE...`: keeps what comes through the FIFO, until all its writers are gone. */
const [directory = "", fifo = "", ...pairs] = process.argv.slice(2);
const options = Object.fromEntries(pairs.map((pair) => pair.split("=") as [string, string]));
const log = openContainerLog(
  { directory, openLines: `${fifo}.open`, say: (line) => console.log(line) },
  parseLogOptions("json-file", options),
);
if (log === undefined) throw new Error("no log");
const fanout = new Fanout();
fanout.add(log.take);
const socket = new Socket({ fd: openFifo(fifo, "read"), readable: true, writable: false });
fanout.read(socket, "stdout");
console.log("ready");
await new Promise((resolve) => socket.once("end", resolve));
await log.close();
console.log(JSON.stringify(log.stats));
