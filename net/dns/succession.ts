import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "../../src/core/join.ts";
import { makeDirectories } from "../../src/core/make-directories.ts";
import type { Instance } from "../../src/core/paths.ts";
import { releaseLock, takeLock } from "../../src/sys/flock.ts";
import { copyDescriptor } from "../../src/sys/pidfd.ts";
import { ourselves, type ProcessIdentity } from "../../src/sys/process.ts";
import type { NameServer } from "./name-server.ts";
import { type AddressSockets, dropSockets, heldSockets, keepSockets, socketsAt } from "./sockets.ts";

/** How long it takes until it is tried again to become the one that answers, or to reach it. In milliseconds. */
const againMs = 5;
/** The same where that failed for another reason than that somebody else does. */
const pauseMs = 1_000;
/** As long may a message be that two of us exchange. */
const longest = 65_536;

/** The first that two processes say to each other: where their sockets are to be had. */
interface Greeting {
  readonly process: ProcessIdentity;
  readonly sockets: readonly AddressSockets[];
  /** Of the one that answers: its lock, for a supervisor. */
  readonly lock?: number;
}

/** What the one that answers says later: an address is no more, and its sockets are in the way of who has it next. */
interface News {
  readonly gone?: string;
}

/** What a supervisor says when it has taken the lock: it answers itself, as it lives longer than any run. */
interface Taken {
  readonly taken?: boolean;
}

export interface SuccessionOptions {
  /** Take over from whoever answers now. */
  readonly first: boolean;
  /** Makes what answers, when it is our turn; it says which addresses are no more. */
  readonly serve: (gone: (address: string) => void) => NameServer;
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
  #waiting = false;
  #failures = 0;
  #closed = false;

  constructor(instance: Instance, options: SuccessionOptions) {
    this.#instance = instance;
    this.#options = options;
  }

  /** Becomes the one that answers, or waits to be. May be said again after {@link close}. */
  open(): void {
    this.#closed = false;
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
    if (this.#closed || this.#lock !== undefined || this.#waiting) return;
    try {
      makeDirectories(this.#instance.state);
      const lock = takeLock(this.#path("resolver.lock"), false);
      if (lock === undefined) this.#wait();
      else this.#reign(lock);
    } catch {
      // No descriptors or no memory are left: we have other things to do, and do them, and try this again.
      this.#resign();
      this.#later(pauseMs);
    }
  }

  /** Tries again: soon at first, and ever later while nobody can be reached. */
  #later(ms: number = Math.min(againMs * 2 ** this.#failures, pauseMs)): void {
    if (this.#closed) return;
    this.#failures += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#attempt(), ms);
    this.#timer.unref();
  }

  #reign(lock: number): void {
    this.#lock = lock;
    this.#failures = 0;
    this.#names = this.#options.serve((address) => this.#tell({ gone: address }));
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
    const self = ourselves();
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
    onLine(socket, (line) => {
      const { taken, ...other } = JSON.parse(line) as Greeting & Taken;
      if (taken === true) {
        // He has the lock, and the sockets: from now on it is him.
        this.#resign();
        this.#later();
        return;
      }
      const lock = this.#lock;
      if (lock === undefined) return void socket.destroy();
      this.#copy(other, () => true);
      this.#names?.look();
      say(socket, { ...this.#greeting(), lock });
    });
  }

  /** Says something to all who wait for our end. */
  #tell(news: News): void {
    for (const connection of this.#connections) say(connection, news);
  }

  /** Waits for the end of the one that answers. */
  #wait(): void {
    const socket = connect(this.#path("resolver"));
    this.#waiting = true;
    this.#follow(socket);
    let lock: number | undefined;
    socket.once("close", () => {
      this.#waiting = false;
      if (lock === undefined) this.#later();
      else if (this.#closed) releaseLock(lock);
      else this.#succeed(lock);
    });
    const { first, keep } = this.#options;
    say(socket, this.#greeting());
    onLine(socket, (line) => {
      const { gone, ...other } = JSON.parse(line) as Greeting & News;
      if (gone !== undefined) {
        dropSockets(this.#instance, (address) => address === gone);
        return;
      }
      this.#failures = 0;
      this.#copy(other, (address) => first || keep(address));
      if (!first || other.lock === undefined || lock !== undefined) return;
      lock = copyDescriptor(other.process, other.lock);
      if (lock !== undefined) say(socket, { taken: true });
    });
  }

  /** The lock of the one before us is ours. */
  #succeed(lock: number): void {
    try {
      this.#reign(lock);
    } catch {
      this.#resign();
      this.#later(pauseMs);
    }
  }

  #follow(socket: Socket): void {
    this.#connections.add(socket);
    socket.unref();
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#connections.delete(socket));
  }
}

function say(socket: Socket, message: Greeting | News | Taken): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

/** Takes line by line what comes; a connection that says nothing sensible is closed. */
function onLine(socket: Socket, take: (line: string) => void): void {
  let text = "";
  socket.on("data", (data: Buffer) => {
    const lines = (text + data.toString()).split("\n");
    text = lines.pop() ?? "";
    try {
      for (const line of lines) take(line);
    } catch {
      socket.destroy();
    }
    if (text.length > longest) socket.destroy();
  });
}
