import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { machineOf, readElf } from "../../../rootfs/elf.ts";
import { makeElf } from "./make-elf.ts";
import "../seed.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdocker-elf-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function read(bytes: Uint8Array): ReturnType<typeof readElf> {
  const path = join(folder, "file");
  writeFileSync(path, bytes);
  return readElf(path);
}

const full = {
  interpreter: "/lib64/ld-linux-x86-64.so.2",
  needed: ["liba.so.1", "libb.so.2"],
  soname: "me.so",
  runpath: "$ORIGIN/../lib:/opt/lib",
  rpath: "/void",
};

describe("an ELF file", () => {
  test.each([
    [64, false, 62, "x86_64"],
    [64, false, 183, "aarch64"],
    [64, true, 22, "s390x"],
    [32, false, 3, "i386"],
    [32, true, 20, "powerpc"],
    [64, false, 9999, "machine 9999"],
  ] as const)("of %i bits, big endian %s, machine %i", (bits, bigEndian, machine, name) => {
    expect(read(makeElf({ ...full, bits, bigEndian, machine }))).toEqual({
      machine: name,
      interpreter: full.interpreter,
      needed: full.needed,
      soname: "me.so",
      // A RUNPATH voids the RPATH.
      rpath: [],
      runpath: ["$ORIGIN/../lib", "/opt/lib"],
    });
  });

  test("an RPATH alone counts", () => {
    expect(read(makeElf({ rpath: "/a:/b" }))).toMatchObject({ rpath: ["/a", "/b"], runpath: [] });
  });

  test("a static program needs nothing", () => {
    expect(read(makeElf())).toEqual({
      machine: "x86_64",
      interpreter: undefined,
      needed: [],
      soname: undefined,
      rpath: [],
      runpath: [],
    });
  });

  test("the program that runs this test has an interpreter and a C library", () => {
    const elf = readElf(process.execPath);
    expect(elf?.machine).toBe(machineOf(process.arch));
    expect(elf?.interpreter).toMatch(/^\/.*\/ld-/);
    expect(elf?.needed.some((name) => name.startsWith("libc."))).toBe(true);
  });

  test("other files are none", () => {
    expect(read(Buffer.from("#!/bin/sh\n"))).toBeUndefined();
    expect(read(Buffer.alloc(0))).toBeUndefined();
    expect(read(makeElf().subarray(0, 40))).toBeUndefined();
  });

  test("a broken one neither throws nor takes long, wherever it is broken", () => {
    const good = makeElf(full);
    const edit = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 12 }), fc.nat(good.length), (edits, length) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of edits) bytes[at] = value;
        const elf = read(bytes.subarray(0, length));
        if (elf !== undefined) expect(Array.isArray(elf.needed)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
