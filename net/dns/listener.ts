import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";

/** Who asks, and how. */
export interface Asker {
  readonly address: string;
  readonly tcp: boolean;
}

/** What is said to a message; undefined when there is nothing to say. */
export type Reply = Buffer | undefined | Promise<Buffer | undefined>;

/** Answers one message. What is thrown is said to nobody: the message is dropped. */
type Handler = (message: Buffer, asker: Asker) => Reply;

/** Where a listener gets its messages: descriptors that are bound already, which it closes in the end. */
interface ListenerSockets {
  readonly udp: number;
  readonly tcp: number;
  readonly six: boolean;
}

/**
 * How long a connection may be silent, in milliseconds; how many there may be at once, of all and of one asker; and how
 * many questions of one wait for others.
 */
const idleMs = 10_000;
const maxConnections = 256;
const maxConnectionsEach = 32;
const maxWaiting = 16;

function listenUdp(fd: number, six: boolean, handle: Handler): UdpSocket {
  const socket = createSocket({
    type: six ? "udp6" : "udp4",
    // Addresses are all that is ever sent to: nothing is to be looked up.
    lookup: (address, _options, callback) => callback(null, address, six ? 6 : 4),
  });
  socket.on("error", () => undefined);
  const send = (answer: Buffer | undefined, port: number, address: string): void => {
    if (answer === undefined) return;
    try {
      // The asker may have gone, or the network with him.
      socket.send(answer, port, address, () => undefined);
    } catch {
      // We have closed meanwhile.
    }
  };
  socket.on("message", (message, { address, port }) => {
    if (port === 0) return;
    try {
      const answer = handle(message, { address, tcp: false });
      if (!(answer instanceof Promise)) send(answer, port, address);
      else
        answer.then(
          (late) => send(late, port, address),
          () => undefined,
        );
    } catch {
      // See Handler.
    }
  });
  socket.bind({ fd });
  return socket;
}

/** Answers the messages of one connection, each with its length in front (RFC 1035, 4.2.2; RFC 7766). */
function serve(socket: Socket, handle: Handler): void {
  const address = socket.remoteAddress ?? "";
  let rest: Buffer = Buffer.alloc(0);
  let waiting = 0;
  const answer = async (message: Buffer): Promise<void> => {
    waiting += 1;
    if (waiting >= maxWaiting) socket.pause();
    try {
      const bytes = await handle(message, { address, tcp: true });
      if (bytes === undefined) socket.destroy();
      else if (!socket.destroyed) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(bytes.length);
        // Who does not read his answers is asked for no more questions.
        if (!socket.write(Buffer.concat([length, bytes]))) socket.pause();
      }
    } catch {
      socket.destroy();
    }
    waiting -= 1;
    take();
  };
  const mayGoOn = (): boolean => waiting < maxWaiting && !socket.writableNeedDrain;
  const take = (): void => {
    while (mayGoOn() && rest.length >= 2) {
      const end = 2 + rest.readUInt16BE(0);
      if (rest.length < end) break;
      const message = rest.subarray(2, end);
      rest = rest.subarray(end);
      void answer(message);
    }
    if (mayGoOn() && socket.isPaused()) socket.resume();
  };
  socket.on("drain", take);
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (data: Buffer) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    take();
  });
}

function listenTcp(fd: number, handle: Handler, connections: Set<Socket>): Server {
  const server = createServer((socket) => {
    const same = [...connections].filter(({ remoteAddress }) => remoteAddress === socket.remoteAddress);
    if (same.length >= maxConnectionsEach) return void socket.destroy();
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    serve(socket, handle);
  });
  server.maxConnections = maxConnections;
  server.on("error", () => undefined);
  server.listen({ fd });
  return server;
}

/** Takes questions from one address by UDP and TCP. */
export class Listener {
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();

  constructor({ udp, tcp, six }: ListenerSockets, handle: Handler) {
    this.#udp = listenUdp(udp, six, handle);
    this.#tcp = listenTcp(tcp, handle, this.#connections);
  }

  /** Takes no more questions. What waits in the kernel is there for whoever else has the sockets. */
  close(): void {
    this.#udp.close();
    this.#tcp.close();
    for (const connection of this.#connections) connection.destroy();
  }

  /** Lets the process end though we listen. */
  unref(): void {
    this.#udp.unref();
    this.#tcp.unref();
  }
}
