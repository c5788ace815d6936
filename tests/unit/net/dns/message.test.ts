import { decode, encode, type Packet } from "dns-packet";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  answerRecord,
  cutAnswer,
  encodeName,
  fitsName,
  type Query,
  readQuery,
  recordType,
  responseCode,
  roomOf,
  writeAnswer,
  writeFormatError,
} from "../../../../net/dns/message.ts";

/** A question as another implementation writes it. */
function question(name: string, more: Partial<Packet> = {}, type = "A"): Buffer {
  const questions = [{ name, type: type as "A", class: "IN" as const }];
  return encode({ type: "query", id: 4711, flags: 0x0100, questions, ...more });
}

function read(bytes: Buffer): Query {
  const query = readQuery(bytes);
  if (query === undefined || query === "malformed") throw new Error(`not read: ${query}`);
  return query;
}

const edns = (room: number): Partial<Packet> => ({
  additionals: [{ name: ".", type: "OPT", udpPayloadSize: room, flags: 0x8000, options: [] } as never],
});

const a = (text: string): Buffer => answerRecord(recordType.A, Uint8Array.from(text.split("."), Number));

describe("a question", () => {
  test("is read as others write it", () => {
    expect(read(question("Web.RED"))).toMatchObject({
      id: 4711,
      opcode: 0,
      recursion: true,
      name: "web.red",
      type: 1,
      class: 1,
      edns: undefined,
    });
    expect(read(question("x", edns(4096), "AAAA"))).toMatchObject({
      type: 28,
      edns: { room: 4096, version: 0, dnssec: true },
    });
    expect(read(question("", {}, "NS"))).toMatchObject({ name: "", end: 17 });
  });

  test("has room for 512 bytes, or for as many as it says", () => {
    expect(roomOf(read(question("x")))).toBe(512);
    expect(roomOf(read(question("x", edns(1232))))).toBe(1232);
    expect(roomOf(read(question("x", edns(100))))).toBe(512);
  });

  test("that makes no sense is malformed; an answer, or next to nothing, is passed over", () => {
    const good = question("web");
    expect(readQuery(good.subarray(0, 11))).toBeUndefined();
    expect(readQuery(encode({ type: "response", id: 1 }))).toBeUndefined();
    for (let cut = 12; cut < good.length; cut += 1)
      expect(readQuery(good.subarray(0, cut))).toBe("malformed");
    const two = Buffer.from(good);
    two.writeUInt16BE(2, 4);
    expect(readQuery(two)).toBe("malformed");
    // A pointer in the first name there is.
    const pointing = Buffer.concat([good.subarray(0, 12), Buffer.of(0xc0, 12, 0, 1, 0, 1)]);
    expect(readQuery(pointing)).toBe("malformed");
    const twice = { additionals: [...(edns(600).additionals ?? []), ...(edns(700).additionals ?? [])] };
    expect(readQuery(question("web", twice))).toBe("malformed");
    const long = Array.from({ length: 5 }, () => "a".repeat(60)).join(".");
    expect(readQuery(Buffer.concat([good.subarray(0, 12), encodeName(long), Buffer.of(0, 1, 0, 1)]))).toBe(
      "malformed",
    );
  });

  test("of another operation is known by its header alone", () => {
    const update = Buffer.from(question("web"));
    update.writeUInt16BE(5 << 11, 2);
    const answer = writeAnswer(read(update), { code: responseCode.notImplemented }, 512);
    expect(answer).toHaveLength(12);
    expect(decode(answer)).toMatchObject({ id: 4711, opcode: "UPDATE", rcode: "NOTIMP", type: "response" });
  });
});

describe("an answer", () => {
  test("is read by others as it was meant", () => {
    const query = read(question("DB.red", edns(1232)));
    const records = [a("10.200.1.2"), a("10.200.1.3")];
    const answer = decode(writeAnswer(query, { code: 0, authoritative: true, records }, 1232));
    expect(answer).toMatchObject({ id: 4711, flag_aa: true, flag_rd: true, flag_ra: true, flag_tc: false });
    expect(answer.questions).toMatchObject([{ name: "DB.red", type: "A", class: "IN" }]);
    expect(answer.answers).toMatchObject([
      { name: "DB.red", type: "A", ttl: 0, data: "10.200.1.2" },
      { name: "DB.red", type: "A", ttl: 0, data: "10.200.1.3" },
    ]);
    expect(answer.additionals).toMatchObject([{ type: "OPT", udpPayloadSize: 1232, flag_do: true }]);
  });

  test("of names and IPv6 addresses, too", () => {
    const ptr = read(question("2.1.200.10.in-addr.arpa", {}, "PTR"));
    const record = answerRecord(recordType.PTR, encodeName("web.bridge"));
    expect(decode(writeAnswer(ptr, { code: 0, records: [record] }, 512)).answers).toMatchObject([
      { type: "PTR", data: "web.bridge" },
    ]);
    const six = Uint8Array.from([0xfd, ...Array(14).fill(0), 1]);
    const aaaa = writeAnswer(
      read(question("web", {}, "AAAA")),
      { code: 0, records: [answerRecord(28, six)] },
      512,
    );
    expect(decode(aaaa).answers).toMatchObject([{ type: "AAAA", data: "fd00::1" }]);
  });

  test("that does not fit says so, and has nothing else", () => {
    const records = Array.from({ length: 40 }, (_, at) => a(`10.200.1.${at}`));
    const short = writeAnswer(read(question("db")), { code: 0, records }, 512);
    expect(short.length).toBeLessThanOrEqual(512);
    expect(decode(short)).toMatchObject({ flag_tc: true, answers: [] });
    expect(decode(writeAnswer(read(question("db")), { code: 0, records }, 65_535)).answers).toHaveLength(40);
  });

  test("of another is passed on, or cut to the question", () => {
    const query = read(question("db", edns(1232)));
    const whole = writeAnswer(
      query,
      { code: 0, records: Array.from({ length: 60 }, () => a("10.0.0.1")) },
      65_535,
    );
    expect(cutAnswer(query, whole, 1232)).toBe(whole);
    expect(decode(cutAnswer(query, whole, 600))).toMatchObject({ id: 4711, flag_tc: true, answers: [] });
  });

  test("has the high bits of its code in EDNS", () => {
    const bytes = Buffer.from(question("web", edns(600)));
    const answer = writeAnswer(read(bytes), { code: responseCode.badVersion }, 512);
    expect(answer[3]).toBe(0x80);
    expect(decode(answer).additionals).toMatchObject([{ extendedRcode: 1 }]);
  });

  test("to what was malformed has its id and no question", () => {
    expect(decode(writeFormatError(question("web").subarray(0, 14)))).toMatchObject({
      id: 4711,
      rcode: "FORMERR",
      questions: [],
    });
  });
});

test.each([
  ["web", true],
  ["a.b_c.d", true],
  ["", false],
  ["a..b", false],
  ["a".repeat(64), false],
  [Array(60).fill("abc").join(".").concat("x".repeat(20)), false],
])("whether %s can be a name", (name, fits) => {
  expect(fitsName(name)).toBe(fits);
});

describe("whatever comes", () => {
  const options = { seed: 20261123, numRuns: 20_000 };

  /** A question with some of its bytes changed, or cut off. */
  const damaged = fc
    .tuple(
      fc.constantFrom(question("web.red"), question("web", edns(1232)), question("x", edns(4096), "AAAA")),
      fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }),
      fc.nat(70),
    )
    .map(([good, changes, length]) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      return bytes.subarray(0, length);
    });
  const anything = fc.oneof(
    damaged,
    fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  );

  test("is read, malformed or passed over; and what is read can be answered", () => {
    fc.assert(
      fc.property(anything, (bytes) => {
        const query = readQuery(bytes);
        if (query === undefined) return;
        const answer =
          query === "malformed"
            ? writeFormatError(bytes)
            : writeAnswer(
                query,
                query.opcode === 0 ? { code: 0, records: [a("10.0.0.1")] } : { code: 4 },
                roomOf(query),
              );
        expect(answer.readUInt16BE(0)).toBe(bytes.readUInt16BE(0));
        expect(answer.readUInt16BE(2) & 0x8000).toBe(0x8000);
        const { type } = decode(answer);
        expect(type).toBe("response");
      }),
      options,
    );
  });
});
