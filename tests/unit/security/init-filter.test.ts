import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { home } from "../../../src/core/home.ts";
import { type SyscallName, syscallNumber } from "../../../src/program/syscalls.ts";
import { initCalls, initFilter } from "../../../src/security/seccomp/init-filter.ts";
import { runFilter } from "./bpf-machine.ts";

const allow = 0x7fff0000;
const eperm = 0x00050001;

test("the filter knows every call of be_init in init.c, and no other", () => {
  // What all small programs share is in calls.h.
  const source = ["calls.h", "init.c"].map((file) => readFileSync(join(home, "init", file), "utf8")).join("");
  const body = (name: string): string =>
    new RegExp(`\\b${name}\\([^)]*\\) \\{[\\s\\S]*?\\n\\}`).exec(source)?.[0] ?? expect.fail(name);
  // Of its helpers only leave makes calls itself.
  expect(new Set(body("be_init").match(/\b[a-z_]+(?=\()/g))).toEqual(
    new Set(["be_init", "call", "leave", "exit_code"]),
  );
  const calls = `${body("be_init")}${body("leave")}`.matchAll(/__NR_(\w+)/g);
  expect(new Set([...calls].map(([, name]) => name))).toEqual(new Set(initCalls));
});

describe.each([
  ["x64", 0xc000003e],
  ["arm64", 0xc00000b7],
])("on %s", (machine, arch) => {
  test.each([
    [false, []],
    [true, ["write", "clock_gettime"]],
  ] satisfies [boolean, SyscallName[]][])("it allows these alone; traced: %s", (traced, more) => {
    const filter = initFilter(traced, machine);
    const allowed = new Set([...initCalls, ...more].map((name) => syscallNumber(name, machine)));
    for (let nr = 0; nr < 1024; nr += 1)
      expect([nr, runFilter(filter, { arch, nr })]).toEqual([nr, allowed.has(nr) ? allow : eperm]);
    for (const nr of allowed) {
      // x32, and the 32-bit calls of the same numbers.
      expect(runFilter(filter, { arch, nr: nr + 0x40000000 })).toBe(eperm);
      for (const other of [0x40000003, 0x40000028, arch ^ 1])
        expect(runFilter(filter, { arch: other, nr })).toBe(eperm);
    }
  });
});
