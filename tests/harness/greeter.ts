import { startCommand } from "./command.ts";

/** Welcomes on the tcp ports given, with the address of who calls, and echoes on the udp ports; until its stdin ends. */
const program = `
const [tcp, udp] = JSON.parse(process.argv[1]);
let open = tcp.length + udp.length;
const ready = () => { open -= 1; if (open === 0) console.log("listening"); };
for (const port of tcp) {
  require("net")
    .createServer((socket) => { socket.on("error", () => {}); socket.end("welcome " + socket.remoteAddress.replace("::ffff:", "") + "\\n"); })
    .listen(port, "::", ready);
}
for (const port of udp) {
  const socket = require("dgram").createSocket("udp6");
  socket.on("message", (message, from) => socket.send(message, from.port, from.address));
  socket.bind(port, "::", ready);
}
process.stdin.resume().on("end", () => process.exit());
`;

/** Starts one in the network namespace of a process, and waits until it listens. Returns what ends it. */
export async function startGreeter(
  pid: number,
  tcp: readonly number[],
  udp: readonly number[] = [],
): Promise<() => Promise<void>> {
  const running = startCommand(
    [
      "nsenter",
      "--target",
      String(pid),
      "--net",
      process.execPath,
      "-e",
      program,
      JSON.stringify([tcp, udp]),
    ],
    { env: { PATH: process.env["PATH"] } },
  );
  await running.says(/^listening$/m);
  return async () => {
    running.child.stdin.end();
    await running.ended;
  };
}
