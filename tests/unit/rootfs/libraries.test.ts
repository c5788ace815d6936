import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readElf } from "../../../rootfs/elf.ts";
import { LibrarySearch } from "../../../rootfs/lab/libraries.ts";
import { parseLoaderCache } from "../../../rootfs/lab/loader-cache.ts";
import { makeElf } from "./make-elf.ts";

/** An ld.so.cache with these [soname, path, hwcap] entries. */
function makeCache(entries: readonly (readonly [string, string, bigint])[], before = ""): Buffer {
  const head = Buffer.alloc(48 + 24 * entries.length);
  head.write("glibc-ld.so.cache1.1");
  head.writeUInt32LE(entries.length, 20);
  let strings = "";
  entries.forEach(([soname, path, hwcap], i) => {
    const at = 48 + 24 * i;
    head.writeUInt32LE(head.length + strings.length, at + 4);
    strings += `${soname}\0`;
    head.writeUInt32LE(head.length + strings.length, at + 8);
    strings += `${path}\0`;
    head.writeBigUInt64LE(hwcap, at + 16);
  });
  return Buffer.concat([Buffer.from(before), head, Buffer.from(strings)]);
}

describe("ld.so.cache", () => {
  const entries = [
    ["liba.so.1", "/opt/glibc-hwcaps/liba.so.1", 1n << 62n],
    ["liba.so.1", "/lib/liba.so.1", 0n],
    ["liba.so.1", "/usr/lib/liba.so.1", 0n],
    ["libb.so.2", "/lib/libb.so.2", 0n],
  ] as const;

  test.each(["", "ld.so-1.7.0 and an old table\0"])(
    "is read, without processor variants (%j before it)",
    (before) => {
      expect(parseLoaderCache(makeCache(entries, before))).toEqual(
        new Map([
          ["liba.so.1", ["/lib/liba.so.1", "/usr/lib/liba.so.1"]],
          ["libb.so.2", ["/lib/libb.so.2"]],
        ]),
      );
    },
  );

  test("a broken one gives what it gives", () => {
    const good = makeCache(entries);
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(good.length - 1), fc.nat(255), (length, at, value) => {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        for (const paths of parseLoaderCache(bytes.subarray(0, length)).values()) {
          for (const path of paths) expect(path.startsWith("/")).toBe(true);
        }
      }),
    );
  });
});

describe("the libraries of a program", () => {
  let folder = "";
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "mdocker-libs-")));
    for (const name of ["bin", "lib", "deep", "wrong"]) mkdirSync(join(folder, name));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const put = (path: string, bytes: Uint8Array) => writeFileSync(join(folder, path), bytes);
  const search = (cache: Record<string, string[]> = {}) => {
    const path = join(folder, "bin/tool");
    const elf = readElf(path);
    const found = new LibrarySearch("x86_64", new Map(Object.entries(cache)));
    if (elf !== undefined) found.addNeedsOf(path, elf);
    return found.libraries;
  };

  test("are found by RUNPATH with $ORIGIN, then in turn by their own", () => {
    put("bin/tool", makeElf({ needed: ["liba.so"], runpath: "$ORIGIN/../lib" }));
    put("lib/liba.so.1.2", makeElf({ needed: ["libb.so"], runpath: `${folder}/deep` }));
    symlinkSync("liba.so.1.2", join(folder, "lib/liba.so"));
    put("deep/libb.so", makeElf());
    expect(search()).toEqual([
      { name: "liba.so", source: join(folder, "lib/liba.so.1.2"), directory: join(folder, "lib") },
      { name: "libb.so", source: join(folder, "deep/libb.so"), directory: join(folder, "deep") },
    ]);
  });

  test("a RUNPATH does not count for the libraries of libraries, an RPATH does", () => {
    put("lib/liba.so", makeElf({ needed: ["libb.so"] }));
    put("lib/libb.so", makeElf());
    put("bin/tool", makeElf({ needed: ["liba.so"], runpath: `${folder}/lib` }));
    expect(() => search()).toThrow(`${folder}/lib/liba.so needs libb.so, which is not installed`);
    put("bin/tool", makeElf({ needed: ["liba.so"], rpath: `${folder}/lib` }));
    expect(search().map(({ name }) => name)).toEqual(["liba.so", "libb.so"]);
  });

  test("one of another machine is passed over", () => {
    put("bin/tool", makeElf({ needed: ["liba.so"], runpath: `${folder}/wrong:${folder}/lib` }));
    put("wrong/liba.so", makeElf({ machine: 183 }));
    put("lib/liba.so", makeElf());
    expect(search().map(({ source }) => source)).toEqual([join(folder, "lib/liba.so")]);
  });

  test("what only ld.so.conf leads to moves to a directory that needs no cache", () => {
    put("bin/tool", makeElf({ needed: ["libodd.so"] }));
    put("lib/libodd.so", makeElf());
    const [library] = search({ "libodd.so": [join(folder, "lib/libodd.so")] });
    expect(library?.source).toBe(join(folder, "lib/libodd.so"));
    expect(library?.directory).toMatch(/^\/(usr\/)?lib/);
  });

  test("cycles end", () => {
    put("bin/tool", makeElf({ needed: ["liba.so"], rpath: `${folder}/lib` }));
    put("lib/liba.so", makeElf({ needed: ["libb.so"] }));
    put("lib/libb.so", makeElf({ needed: ["liba.so"] }));
    expect(search()).toHaveLength(2);
  });
});
