import { startCommand } from "../../tests/harness/command.ts";
import type { TestHost } from "../../tests/harness/host.ts";

/** A tiny HTTP server in the namespace that plays the outside; it answers with the address it sees its client at. */
const server = `
require("node:http")
  .createServer((request, response) => response.end("hello, " + request.socket.remoteAddress + "\\n"))
  .listen(80, "0.0.0.0", () => console.log("listening"));
`;

/** Starts the server and waits until it listens; returns what ends it. */
export async function startOutsideServer(host: TestHost): Promise<() => Promise<void>> {
  const running = startCommand([...host.outside.enter, process.execPath, "-e", server], {
    env: { PATH: process.env["PATH"] },
  });
  await running.says(/listening/);
  return async () => {
    running.child.kill("SIGTERM");
    await running.ended;
  };
}
