import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { serveUpgrade } from "./upgrade.ts";

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** The largest body of a request that asks for an upgrade: the configuration of an exec, in bytes. */
const upgradeLimit = 1024 * 1024;

const options = {
  // Clients keep connections for their next request; one that is closed under a request of theirs is an error to them.
  keepAliveTimeout: 600_000,
  headersTimeout: 30_000,
  // An archive may take as long as it takes.
  requestTimeout: 0,
  connectionsCheckingInterval: 30_000,
};

function answerGarbage(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] =
    error.code === "HPE_HEADER_OVERFLOW"
      ? ["431 Request Header Fields Too Large", "the headers of the request are too large"]
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? ["408 Request Timeout", "the request took too long"]
        : ["400 Bad Request", "this is not HTTP/1.1"];
  const body = JSON.stringify({ message });
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

/** HTTP on any number of sockets, answered by one handler. */
export class Listener {
  readonly #handle: Handle;
  readonly #servers: Server[] = [];
  readonly #closed: Promise<void>[] = [];
  readonly #connections = new Set<Socket>();

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Listens on a path, at once, or on a descriptor that listens already. @throws what listen(2) says, as Node does */
  async listen(where: { readonly path: string } | { readonly fd: number }): Promise<void> {
    const server = createServer(options, this.#handle);
    server.on("connection", (socket: Socket) => {
      this.#connections.add(socket);
      socket.once("close", () => this.#connections.delete(socket));
    });
    server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) =>
      serveUpgrade(request, socket, head, upgradeLimit, this.#handle),
    );
    server.on("clientError", (error, socket) => answerGarbage(error, socket as Socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(where, resolve);
    });
    this.#servers.push(server);
  }

  /** Takes no more connections; those there are go on. */
  refuse(): void {
    for (const server of this.#servers.splice(0))
      this.#closed.push(new Promise((resolve) => server.close(() => resolve())));
  }

  /** Takes no more connections, and ends those there are. */
  async close(): Promise<void> {
    this.refuse();
    for (const socket of this.#connections) socket.destroy();
    await Promise.all(this.#closed);
  }
}
