import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { type DecodedPacket, decode, encode, type Packet, streamEncode } from "dns-packet";
import { afterEach, describe, expect, test } from "vitest";
import { Forwarder, type ForwarderOptions, type Server } from "../../../../net/dns/forwarder.ts";
import { type Query, readQuery } from "../../../../net/dns/message.ts";

/** What a server does with a question: bytes to send, or nothing. */
type Behaviour = (question: DecodedPacket, tcp: boolean) => readonly Uint8Array[];

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server on the loopback, by UDP and TCP; `seen` are the questions that it got. */
async function upstream(behaviour: Behaviour): Promise<Server & { seen: DecodedPacket[]; ports: number[] }> {
  const seen: DecodedPacket[] = [];
  const ports: number[] = [];
  const tcp = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      const question = decode(data.subarray(2));
      seen.push(question);
      for (const answer of behaviour(question, true)) socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", () => resolve()));
  const { port } = tcp.address() as { port: number };
  const udp = createSocket("udp4");
  udp.on("message", (message, from) => {
    const question = decode(message);
    seen.push(question);
    ports.push(from.port);
    for (const answer of behaviour(question, false)) udp.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", () => resolve()));
  closing.push(() => {
    udp.close();
    tcp.close();
  });
  return { address: "127.0.0.1", port, seen, ports };
}

function answerTo(question: DecodedPacket, data: readonly string[], more: Partial<Packet> = {}): Packet {
  const { id = 0, questions = [] } = question;
  const answers = data.map((one) => ({
    name: questions[0]?.name ?? "",
    type: "A" as const,
    ttl: 60,
    data: one,
  }));
  return { type: "response", id, flags: 0x180, questions, answers, ...more };
}

const fine: Behaviour = (question, tcp) => {
  const packet = answerTo(question, ["203.0.113.7"]);
  return [tcp ? streamEncode(packet) : encode(packet)];
};

function query(name: string, room?: number): Query {
  const additionals = room === undefined ? [] : [{ name: ".", type: "OPT", udpPayloadSize: room } as never];
  const bytes = encode({
    type: "query",
    id: 99,
    flags: 0x100,
    questions: [{ name, type: "A" }],
    additionals,
  });
  return readQuery(bytes) as Query;
}

function forwarder(options: ForwarderOptions = {}): Forwarder {
  const made = new Forwarder(options);
  closing.push(() => made.close());
  return made;
}

const rcode = (answer: Buffer): string => (decode(answer) as unknown as { rcode: string }).rcode;
const silent: Behaviour = () => [];

describe("a question for others", () => {
  test("goes out with an id of its own and from a port of its own, and comes back with the asker's", async () => {
    const server = await upstream(fine);
    const ask = forwarder();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => ask.ask(query(`n${at}.test`), [server], "a", false)),
    );
    for (const answer of answers) expect(decode(answer)).toMatchObject({ id: 99, rcode: "NOERROR" });
    expect(new Set(server.seen.map(({ id }) => id)).size).toBeGreaterThan(15);
    expect(new Set(server.ports).size).toBe(20);
    expect(ask.pending).toBe(0);
  });

  test("is answered only by what answers it", async () => {
    const server = await upstream((question, tcp) => {
      const right = answerTo(question, ["203.0.113.7"]);
      const wrong = [
        { ...right, id: ((question.id ?? 0) + 1) & 0xffff },
        { ...right, questions: [{ name: "other.test", type: "A" as const }] },
        { ...right, questions: [] },
        { ...right, type: "query" as const },
      ];
      const spoilt = wrong.map((packet) => encode({ ...packet, answers: [] }));
      return tcp ? [] : [Buffer.alloc(3), ...spoilt, encode(right)];
    });
    const answer = decode(await forwarder().ask(query("web.test"), [server], "a", false));
    expect(answer.answers).toMatchObject([{ data: "203.0.113.7" }]);
  });

  test("is answered by the next server when one is silent, deaf, or of no help", async () => {
    const dumb = await upstream(silent);
    const failing = await upstream((question) => [encode(answerTo(question, [], { flags: 0x182 }))]);
    const good = await upstream(fine);
    // Nobody listens at a port that was just given back.
    const gone = await upstream(silent);
    closing.splice(-1)[0]?.();
    const ask = forwarder({ serverMs: 100 });
    const answer = decode(await ask.ask(query("web.test"), [gone, dumb, failing, good], "a", false));
    expect(answer.answers).toMatchObject([{ data: "203.0.113.7" }]);
    expect(dumb.seen).toHaveLength(1);
  });

  test("without any answer is answered so in the end", async () => {
    const dumb = await upstream(silent);
    const ask = forwarder({ serverMs: 50 });
    expect(rcode(await ask.ask(query("web.test"), [dumb, dumb], "a", false))).toBe("SERVFAIL");
    expect(rcode(await ask.ask(query("web.test"), [], "a", false))).toBe("SERVFAIL");
    const refusing = await upstream((question) => [encode(answerTo(question, [], { flags: 0x185 }))]);
    expect(rcode(await ask.ask(query("web.test"), [refusing], "a", false))).toBe("REFUSED");
    expect(await ask.ask(query("web.test"), [{ address: "no address", port: 53 }], "a", false)).toBeDefined();
  });

  test("that does not exist elsewhere is not asked of the next server", async () => {
    const nothing = await upstream((question) => [encode(answerTo(question, [], { flags: 0x183 }))]);
    const other = await upstream(fine);
    expect(rcode(await forwarder().ask(query("x.test"), [nothing, other], "a", false))).toBe("NXDOMAIN");
    expect(other.seen).toEqual([]);
  });

  test("whose answer is too long is asked again by TCP, for who has room for it", async () => {
    const many = Array.from({ length: 50 }, (_, at) => `203.0.113.${at}`);
    const server = await upstream((question, tcp) =>
      tcp
        ? [streamEncode(answerTo(question, many))]
        : [encode(answerTo(question, [], { flags: 0x180 | 0x200 }))],
    );
    const ask = forwarder();
    expect(decode(await ask.ask(query("long.test"), [server], "a", false))).toMatchObject({
      flag_tc: true,
      answers: [],
    });
    expect(server.seen).toHaveLength(1);
    expect(decode(await ask.ask(query("long.test", 4096), [server], "a", false)).answers).toHaveLength(50);
    expect(decode(await ask.ask(query("long.test"), [server], "a", true)).answers).toHaveLength(50);
    // More than there is room for: the asker is told.
    expect(decode(await ask.ask(query("long.test", 600), [server], "a", false))).toMatchObject({
      flag_tc: true,
      answers: [],
    });
  });

  test("is one of so many of one asker, and of all", async () => {
    const dumb = await upstream(silent);
    const ask = forwarder({ serverMs: 60_000, limit: 3, limitEach: 2 });
    const waiting = ["a", "a", "b"].map((asker) => ask.ask(query("web.test"), [dumb], asker, false));
    expect(ask.pending).toBe(3);
    expect(rcode(await ask.ask(query("web.test"), [dumb], "a", false))).toBe("SERVFAIL");
    expect(rcode(await ask.ask(query("web.test"), [dumb], "c", false))).toBe("SERVFAIL");
    ask.close();
    for (const answer of await Promise.all(waiting)) expect(rcode(answer)).toBe("SERVFAIL");
    expect(ask.pending).toBe(0);
  });
});
