import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "../../src/core/join.ts";
import { makeDirectories } from "../../src/core/make-directories.ts";
import type { Instance } from "../../src/core/paths.ts";
import { releaseLock, takeLock } from "../../src/sys/flock.ts";
import { copyDescriptor } from "../../src/sys/pidfd.ts";
import { identify, type ProcessIdentity } from "../../src/sys/process.ts";
import type { NameServer } from "./name-server.ts";
import { type AddressSockets, heldSockets, keepSockets, socketsAt } from "./sockets.ts";

/** How long it takes until it is tried again to become the one that answers, or to reach it. In milliseconds. */
const againMs = 5;
/** As long may a message be that two of us exchange. */
const longest = 65_536;

/** What two processes tell each other, one line each way: where their sockets are to be had. */
interface Greeting {
  readonly process: ProcessIdentity;
  readonly sockets: readonly AddressSockets[];
  /** Of one that wants to answer itself: a supervisor, which lives longer than any run. */
  readonly wants?: boolean;
  /** Of the one that answers: its lock, for a supervisor. */
  readonly lock?: number;
}

export interface SuccessionOptions {
  /** Take over from whoever answers now. */
  readonly first: boolean;
  /** Makes what answers, when it is our turn. */
  readonly serve: () => NameServer;
  /** The addresses whose sockets are worth keeping for when it is our turn. */
  readonly keep: (address: string) => boolean;
}

/**
 * Who answers names, of all the processes of an instance that could. One has the lock and does. The others hold copies of
 * its sockets and wait for its end on a connection to it: when it ends, however it does, one of them goes on with the
 * very same sockets, where questions have waited meanwhile.
 */
export class Succession {
  readonly #instance: Instance;
  readonly #options: SuccessionOptions;
  #lock: number | undefined;
  #names: NameServer | undefined;
  #server: Server | undefined;
  readonly #connections = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(instance: Instance, options: SuccessionOptions) {
    this.#instance = instance;
    this.#options = options;
  }

  /** What answers, while it is us. */
  get names(): NameServer | undefined {
    return this.#names;
  }

  /** Becomes the one that answers, or waits to be. */
  open(): void {
    makeDirectories(this.#instance.state);
    this.#attempt();
  }

  /** Ends: another one goes on. The sockets stay held. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#resign();
  }

  #path(file: string): string {
    return join(this.#instance.state, file);
  }

  #attempt(): void {
    if (this.#closed || this.#lock !== undefined) return;
    const lock = takeLock(this.#path("resolver.lock"), false);
    if (lock === undefined) this.#wait();
    else this.#reign(lock);
  }

  #later(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#attempt(), againMs);
    this.#timer.unref();
  }

  #reign(lock: number): void {
    this.#lock = lock;
    this.#names = this.#options.serve();
    this.#names.open();
    const path = this.#path("resolver");
    // Only who has the lock listens there: what an earlier one has left is nobody's.
    rmSync(path, { force: true });
    const server = createServer((socket) => this.#receive(socket));
    server.on("error", () => undefined);
    const umask = process.umask(0o177);
    server.listen({ path });
    process.umask(umask);
    server.unref();
    this.#server = server;
  }

  /** Gives everything up but the sockets; the lock last. */
  #resign(): void {
    this.#names?.close();
    this.#names = undefined;
    this.#server?.close();
    this.#server = undefined;
    if (this.#lock !== undefined) releaseLock(this.#lock);
    this.#lock = undefined;
    for (const connection of this.#connections) connection.destroy();
  }

  #greeting(): Greeting {
    const self = identify(process.pid) ?? { pid: process.pid, startTime: "0" };
    return { process: self, sockets: heldSockets(this.#instance) };
  }

  /** Takes what the other has and we do not. */
  #copy({ process: other, sockets }: Greeting, wanted: (address: string) => boolean): void {
    for (const { address, udp, tcp } of sockets) {
      if (!wanted(address) || socketsAt(this.#instance, address) !== undefined) continue;
      const ours = { udp: copyDescriptor(other, udp), tcp: copyDescriptor(other, tcp) };
      if (ours.udp === undefined || ours.tcp === undefined) continue;
      keepSockets(this.#instance, { address, udp: ours.udp, tcp: ours.tcp });
    }
  }

  /** Somebody waits for our end: he gets copies of our sockets, and we those that only he has. */
  #receive(socket: Socket): void {
    this.#follow(socket);
    readLine(socket, (line) => {
      const other = JSON.parse(line) as Greeting;
      const lock = this.#lock;
      if (lock === undefined) return void socket.destroy();
      this.#copy(other, () => true);
      this.#names?.look();
      socket.write(`${JSON.stringify({ ...this.#greeting(), lock } satisfies Greeting)}\n`);
      // He has taken the lock with the sockets: from now on it is him.
      if (other.wants === true)
        readLine(socket, () => {
          this.#resign();
          this.#later();
        });
    });
  }

  /** Waits for the end of the one that answers. */
  #wait(): void {
    const socket = connect(this.#path("resolver"));
    this.#follow(socket);
    let lock: number | undefined;
    socket.once("close", () => {
      if (lock !== undefined && !this.#closed) this.#reign(lock);
      else if (lock !== undefined) releaseLock(lock);
      else this.#later();
    });
    const { first, keep } = this.#options;
    socket.write(`${JSON.stringify({ ...this.#greeting(), wants: first } satisfies Greeting)}\n`);
    readLine(socket, (line) => {
      const other = JSON.parse(line) as Greeting;
      this.#copy(other, (address) => first || keep(address));
      if (!first || other.lock === undefined) return;
      lock = copyDescriptor(other.process, other.lock);
      socket.write("taken\n");
    });
  }

  #follow(socket: Socket): void {
    this.#connections.add(socket);
    socket.unref();
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#connections.delete(socket));
  }
}

/** The next line that comes, once; a connection that says nothing sensible is closed. */
function readLine(socket: Socket, take: (line: string) => void): void {
  let text = "";
  const onData = (data: Buffer): void => {
    text += data.toString();
    const end = text.indexOf("\n");
    if (end < 0) {
      if (text.length > longest) socket.destroy();
      return;
    }
    socket.off("data", onData);
    try {
      take(text.slice(0, end));
    } catch {
      socket.destroy();
    }
  };
  socket.on("data", onData);
}
