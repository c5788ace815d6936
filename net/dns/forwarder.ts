import { randomInt } from "node:crypto";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, isIPv6, type Socket } from "node:net";
import { cutAnswer, flag, headerSize, type Query, responseCode, roomOf, writeAnswer } from "./message.ts";

/** Where others answer. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

export interface ForwarderOptions {
  /** How long one server may take, by UDP or by TCP; and all of them together. In milliseconds. */
  readonly serverMs?: number;
  readonly totalMs?: number;
  /** How many questions may be on their way, of all askers and of one of them. */
  readonly limit?: number;
  readonly limitEach?: number;
}

/** What a server says that cannot or will not answer: another one may. */
const unhelpful: ReadonlySet<number> = new Set([
  responseCode.serverFailure,
  responseCode.notImplemented,
  responseCode.refused,
]);

/** True when `answer` is the one to our question: its id, its name, its type (RFC 5452, 9.1). */
function answers(answer: Buffer, id: number, query: Query): boolean {
  if (answer.length < query.end || answer.readUInt16BE(0) !== id) return false;
  if ((answer.readUInt16BE(2) & flag.response) === 0 || answer.readUInt16BE(4) !== 1) return false;
  const same = answer.compare(query.bytes, headerSize, query.end, headerSize, query.end) === 0;
  // Some write the name as they have it themselves.
  const text = (bytes: Buffer): string => bytes.toString("latin1", headerSize, query.end).toLowerCase();
  return same || text(answer) === text(query.bytes);
}

function withId(bytes: Buffer, id: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(id, 0);
  return copy;
}

const isTruncated = (answer: Buffer): boolean => (answer.readUInt16BE(2) & flag.truncated) !== 0;

/**
 * Asks other servers. Each question goes out with an id and from a port that nobody can foresee, and only that server's
 * answer to just that question counts. Nothing is kept.
 */
export class Forwarder {
  readonly #options: Required<ForwarderOptions>;
  readonly #open = new Set<() => void>();
  readonly #asking = new Map<string, number>();
  #closed = false;

  constructor({ serverMs = 2_000, totalMs = 4_500, limit = 512, limitEach = 128 }: ForwarderOptions = {}) {
    this.#options = { serverMs, totalMs, limit, limitEach };
  }

  /** How many questions are on their way. */
  get pending(): number {
    return [...this.#asking.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Asks the servers in turn until one has an answer; never fails: in the end the answer is that there is none
   * (SERVFAIL), or what the last server said. By UDP it is cut to what the asker has room for.
   */
  async ask(query: Query, servers: readonly Server[], asker: string, tcp: boolean): Promise<Buffer> {
    const room = tcp ? 65_535 : roomOf(query);
    const failure = writeAnswer(query, { code: responseCode.serverFailure }, room);
    const mine = this.#asking.get(asker) ?? 0;
    const { limit, limitEach, totalMs } = this.#options;
    if (mine >= limitEach || this.pending >= limit) return failure;
    this.#asking.set(asker, mine + 1);
    try {
      const until = Date.now() + totalMs;
      let last = failure;
      for (const server of servers) {
        const left = until - Date.now();
        if (this.#closed || left <= 0) break;
        const answer = await this.#askOne(query, server, room, Math.min(left, this.#options.serverMs));
        if (answer === undefined) continue;
        last = cutAnswer(query, withId(answer, query.id), room);
        if (!unhelpful.has(answer.readUInt16BE(2) & 15)) break;
      }
      return last;
    } finally {
      const after = (this.#asking.get(asker) ?? 1) - 1;
      if (after > 0) this.#asking.set(asker, after);
      else this.#asking.delete(asker);
    }
  }

  /** Gives up all that is on its way. */
  close(): void {
    this.#closed = true;
    for (const giveUp of this.#open) giveUp();
  }

  async #askOne(query: Query, server: Server, room: number, ms: number): Promise<Buffer | undefined> {
    const short = await this.#exchange(query, server, ms, exchangeUdp);
    // Who asked by UDP and without room for more gets the short answer, and asks by TCP.
    if (short === undefined || !isTruncated(short) || room <= 512) return short;
    return (await this.#exchange(query, server, ms, exchangeTcp)) ?? short;
  }

  #exchange(query: Query, server: Server, ms: number, by: Exchange): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const id = randomInt(0x10000);
      let close: () => void = () => undefined;
      let over = false;
      const done = (answer: Buffer | undefined): void => {
        if (over) return;
        over = true;
        clearTimeout(timer);
        this.#open.delete(giveUp);
        close();
        resolve(answer);
      };
      const giveUp = (): void => done(undefined);
      const timer = setTimeout(giveUp, ms);
      this.#open.add(giveUp);
      const receive = (answer: Buffer): void => {
        if (answers(answer, id, query)) done(answer);
      };
      try {
        close = by(withId(query.bytes, id), server, receive, giveUp);
        if (over) close();
      } catch {
        giveUp();
      }
    });
  }
}

/** Sends a question and hands over all that comes back. Returns what ends it; may be called at any time, once. */
type Exchange = (
  question: Buffer,
  server: Server,
  receive: (answer: Buffer) => void,
  fail: () => void,
) => () => void;

const exchangeUdp: Exchange = (question, { address, port }, receive, fail) => {
  const socket: UdpSocket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  let open = true;
  // Connected: the kernel passes on what comes from there only, and says when nobody listens.
  socket.on("error", fail);
  socket.on("message", (answer) => {
    if (answer.length >= headerSize) receive(answer);
  });
  // What goes wrong is told to the callback, which its types do not say.
  const connected = (error?: Error): void => {
    if (error !== undefined) fail();
    else if (open) socket.send(question, (unsent) => (unsent === null ? undefined : fail()));
  };
  socket.connect(port, address, connected);
  return () => {
    open = false;
    socket.close();
  };
};

const exchangeTcp: Exchange = (question, { address, port }, receive, fail) => {
  const socket: Socket = connect(port, address);
  let got: Buffer = Buffer.alloc(0);
  socket.on("error", fail);
  socket.on("close", fail);
  socket.on("data", (data: Buffer) => {
    got = Buffer.concat([got, data]);
    // u16 length · message (RFC 1035, 4.2.2)
    if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
    const answer = got.subarray(2, 2 + got.readUInt16BE(0));
    if (answer.length >= headerSize) receive(answer);
    fail();
  });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(question.length);
  socket.write(Buffer.concat([length, question]));
  return () => socket.destroy();
};
