import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { extract, pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import type { ArchiveEntry, EntryKind } from "../../../src/container/archive/entry.ts";
import { readTar } from "../../../src/container/archive/tar-read.ts";
import { writeTar } from "../../../src/container/archive/tar-write.ts";
import "../seed.ts";

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield item;
}

/** An entry with its content as bytes. */
interface Plain extends Omit<ArchiveEntry, "content"> {
  readonly bytes: Buffer | undefined;
}

async function bytesOf(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

function toTar(entries: readonly Plain[]): Promise<Buffer> {
  const real = entries.map(({ bytes, ...entry }) => ({
    ...entry,
    content: bytes === undefined ? undefined : each([bytes]),
  }));
  return bytesOf(writeTar(each(real)));
}

async function fromTar(data: Uint8Array, chunk = 1000): Promise<Plain[]> {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += chunk) chunks.push(data.subarray(at, at + chunk));
  const found: Plain[] = [];
  for await (const { content, ...entry } of readTar(each(chunks))) {
    found.push({ ...entry, bytes: content === undefined ? undefined : await bytesOf(content) });
  }
  return found;
}

function plain(over: Partial<Plain> & { readonly kind: EntryKind; readonly name: string }): Plain {
  const { bytes } = over;
  return {
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    size: bytes?.length ?? 0,
    target: "",
    major: 0,
    minor: 0,
    attributes: new Map(),
    bytes: over.kind === "file" ? Buffer.alloc(0) : undefined,
    ...over,
  };
}

/** Bytes of a name: anything but a zero byte or, at the end, a slash. */
const name = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 300 })
  .map((bytes) => `${Buffer.from(bytes).toString("latin1")}x`);

const entry: fc.Arbitrary<Plain> = fc
  .record({
    kind: fc.constantFrom<EntryKind>("file", "directory", "symlink", "link", "character", "block", "fifo"),
    name,
    target: name,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    mtime: fc.integer({ min: -(2 ** 35), max: 2 ** 35 }),
    major: fc.integer({ min: 0, max: 4095 }),
    minor: fc.integer({ min: 0, max: 2 ** 20 - 1 }),
    bytes: fc.uint8Array({ maxLength: 3000 }),
    attribute: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }),
  })
  .map(({ attribute, bytes, ...rest }) =>
    plain({
      ...rest,
      target: rest.kind === "symlink" || rest.kind === "link" ? rest.target : "",
      attributes: new Map(attribute === undefined ? [] : [["security.capability", Buffer.from(attribute)]]),
      bytes: rest.kind === "file" ? Buffer.from(bytes) : undefined,
      size: rest.kind === "file" ? bytes.length : 0,
    }),
  );

describe("tar streams", () => {
  test("come back as they were written, byte by byte, however they are cut into chunks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 6 }),
        fc.integer({ min: 1, max: 2000 }),
        async (entries, chunk) => {
          const data = await toTar(entries);
          expect(data.length % 512).toBe(0);
          expect(await fromTar(data, chunk)).toEqual(entries);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("are read by another implementation, long names and large numbers too", async () => {
    const entries = [
      plain({ kind: "directory", name: "d".repeat(150), mode: 0o2755 }),
      plain({
        kind: "file",
        name: `${"d".repeat(150)}/ü`,
        bytes: Buffer.from("hello"),
        mtime: 12,
      }),
      plain({ kind: "symlink", name: "s", target: `/${"t".repeat(200)}` }),
    ].map((one) => ({ ...one, name: Buffer.from(one.name).toString("latin1") }));
    const seen: unknown[] = [];
    const other = extract();
    other.end(await toTar(entries));
    for await (const one of other) {
      const { name, type, uid, linkname, mode } = one.header;
      seen.push({ name, type, uid, linkname, mode, text: (await bytesOf(one)).toString() });
    }
    expect(seen).toEqual([
      { name: `${"d".repeat(150)}/`, type: "directory", uid: 0, linkname: null, mode: 0o2755, text: "" },
      {
        name: `${"d".repeat(150)}/ü`,
        type: "file",
        uid: 0,
        linkname: null,
        mode: 0o644,
        text: "hello",
      },
      { name: "s", type: "symlink", uid: 0, linkname: `/${"t".repeat(200)}`, mode: 0o644, text: "" },
    ]);
  });

  test("of another implementation are read, compressed too", async () => {
    const other = pack();
    other.entry({ name: `long/${"n".repeat(300)}`, mode: 0o600, mtime: new Date(5000) }, "text");
    other.entry({ name: "dir", type: "directory" });
    other.finalize();
    const data = await bytesOf(other);
    for (const bytes of [data, gzipSync(data)]) {
      const found = await fromTar(bytes, 7);
      expect(found.map(({ name: path, kind, bytes: text }) => [path, kind, text?.toString()])).toEqual([
        [`long/${"n".repeat(300)}`, "file", "text"],
        ["dir", "directory", undefined],
      ]);
      expect(found[0]).toMatchObject({ mode: 0o600, mtime: 5 });
    }
  });

  test("may be left unread entry by entry", async () => {
    const data = await toTar([
      plain({ kind: "file", name: "a", bytes: Buffer.alloc(5000, 1), size: 5000 }),
      plain({ kind: "file", name: "b", bytes: Buffer.from("b"), size: 1 }),
    ]);
    const names: string[] = [];
    for await (const { name: path } of readTar(each([data]))) names.push(path);
    expect(names).toEqual(["a", "b"]);
  });

  test("that are none, break off or lie are refused in one line", async () => {
    const whole = await toTar([plain({ kind: "file", name: "a", bytes: Buffer.from("abc"), size: 3 })]);
    const changed = (at: number, bytes: string): Buffer => {
      const copy = Buffer.from(whole);
      copy.write(bytes, at, "latin1");
      copy.write("        ", 148);
      const sum = copy.subarray(0, 512).reduce((a, b) => a + b, 0);
      copy.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
      return copy;
    };
    const cases: [Buffer, RegExp][] = [
      [Buffer.alloc(1024, "hello "), /tar stream: .*is it a tar archive/],
      [whole.subarray(0, 300), /ends in the middle/],
      [whole.subarray(0, 514), /ends in the middle/],
      [whole.subarray(0, 600), /ends in the middle/],
      [changed(156, "S"), /not supported/],
      [changed(124, "\xff\xff\xff\xff"), /size .*out of range/],
      [
        Buffer.concat([changed(156, "x").fill("\x80\0\0\0\0\0\0\x7f\xff\xff\xff\xff", 124, 136, "latin1")]),
        /checksum/,
      ],
      [changed(108, "\x80\0\0\xff\xff\xff\xff\xff"), /uid .*out of range/],
      [Buffer.from("BZh91AY&SY hello"), /bzip2/],
    ];
    for (const [data, message] of cases) await expect(fromTar(data)).rejects.toThrow(message);
    const huge = changed(156, "L");
    huge.write("77777777777\0", 124);
    await expect(fromTar(changedChecksum(huge))).rejects.toThrow(/a header of \d+ bytes/);
  });

  test.each(["gzip", "bzip2", "xz", "zstd"])(
    "compressed with %s are read, and what is cut off is refused",
    async (name) => {
      const bytes = Buffer.from("content ".repeat(2_000));
      const data = await toTar([plain({ kind: "file", name: "big", bytes, size: bytes.length })]);
      const packed = execFileSync(name, ["-c"], { input: data, maxBuffer: 2 ** 24 });
      expect(packed.length).toBeLessThan(data.length);
      expect(await fromTar(packed)).toEqual(await fromTar(data));
      await expect(fromTar(packed.subarray(0, packed.length - 40))).rejects.toThrow(/./);
      await expect(fromTar(Buffer.concat([packed.subarray(0, 10), Buffer.alloc(200, "x")]))).rejects.toThrow(
        /./,
      );
    },
  );

  test("compressed by a program that is not here are refused in one line", async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = "/nowhere";
    try {
      await expect(fromTar(Buffer.from("BZh91AY&SY hello"))).rejects.toThrow(
        "tar stream: compressed with bzip2, and there is no such program here: install bzip2, or uncompress it first",
      );
    } finally {
      process.env["PATH"] = path;
    }
  });

  test("of any bytes end, with entries or with a refusal", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3000 }),
        fc.array(fc.nat(5000), { maxLength: 5 }),
        async (noise, at) => {
          const data = await toTar([
            plain({ kind: "file", name: "x".repeat(120), bytes: Buffer.from(noise), size: noise.length }),
          ]);
          for (const position of at) data[position % data.length] = noise[0] ?? 7;
          await fromTar(data, 333).catch((error: unknown) => expect(String(error)).toMatch(/tar stream: /));
        },
      ),
      { numRuns: 200 },
    );
  });
});

function changedChecksum(data: Buffer): Buffer {
  data.write("        ", 148);
  const sum = data.subarray(0, 512).reduce((a, b) => a + b, 0);
  data.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return data;
}
