import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/core/errors.ts";
import {
  clampRlimits,
  ownHardLimits,
  parseProcLimits,
  parseRlimitName,
  rlimitNames,
  rlimitNumber,
} from "../../../src/security/rlimits.ts";

const unlimited = Number.POSITIVE_INFINITY;

describe("names", () => {
  test("have the kernel's numbers", () => {
    expect(rlimitNames).toHaveLength(16);
    expect(
      ["CPU", "CORE", "NPROC", "NOFILE", "MEMLOCK", "AS", "RTTIME"].map((n) => rlimitNumber(`RLIMIT_${n}`)),
    ).toEqual([0, 4, 6, 7, 8, 9, 15]);
  });

  test("are taken as docker writes them", () => {
    expect(parseRlimitName("nofile", "--ulimit")).toBe("RLIMIT_NOFILE");
    expect(parseRlimitName("RLIMIT_NOFILE", "--ulimit")).toBe("RLIMIT_NOFILE");
    expect(() => parseRlimitName("nofiles", "--ulimit")).toThrow(
      "--ulimit: nofiles: unknown limit; did you mean nofile?",
    );
    expect(() => parseRlimitName("bananas", "--ulimit")).toThrow(UsageError);
  });
});

describe("this host's ceilings", () => {
  test("are read from the text of /proc/PID/limits", () => {
    const text = [
      "Limit                     Soft Limit           Hard Limit           Units     ",
      "Max cpu time              unlimited            unlimited            seconds   ",
      "Max open files            1024                 524288               files     ",
      "Max nice priority         0                    0                    ",
      "",
    ].join("\n");
    expect([...parseProcLimits(text)]).toEqual([
      ["RLIMIT_CPU", unlimited],
      ["RLIMIT_NOFILE", 524288],
      ["RLIMIT_NICE", 0],
    ]);
  });

  test("this kernel has all of them", () => {
    const own = ownHardLimits();
    expect([...own.keys()].sort()).toEqual([...rlimitNames].sort());
    for (const value of own.values()) expect(value).toBeGreaterThanOrEqual(0);
  });
});

describe("clamping", () => {
  const ceilings = new Map([
    ["RLIMIT_NOFILE", 4096],
    ["RLIMIT_CORE", unlimited],
  ]);

  test("with CAP_SYS_RESOURCE everything is as asked", () => {
    const asked = [{ type: "RLIMIT_NOFILE", soft: 10, hard: 100000 }];
    expect(clampRlimits(asked, ceilings, true)).toEqual({ rlimits: asked, notes: [] });
  });

  test("without it, no higher than our own, with a note for each", () => {
    const { rlimits, notes } = clampRlimits(
      [
        { type: "nofile", soft: 8192, hard: -1 },
        { type: "RLIMIT_NOFILE", soft: 10, hard: 4096 },
        { type: "RLIMIT_CORE", soft: 0, hard: unlimited },
      ],
      ceilings,
      false,
    );
    expect(rlimits).toEqual([
      { type: "RLIMIT_NOFILE", soft: 4096, hard: 4096 },
      { type: "RLIMIT_NOFILE", soft: 10, hard: 4096 },
      { type: "RLIMIT_CORE", soft: 0, hard: unlimited },
    ]);
    expect(notes).toEqual([
      "nofile limit unlimited is lowered to 4096: more takes CAP_SYS_RESOURCE, which mdocker does not have on this host",
    ]);
  });

  test("a soft limit above the hard one is refused", () => {
    expect(() => clampRlimits([{ type: "RLIMIT_NOFILE", soft: 2, hard: 1 }], ceilings, true)).toThrow(
      "--ulimit: nofile: soft limit 2 is above the hard limit 1",
    );
    expect(() => clampRlimits([{ type: "RLIMIT_CORE", soft: -1, hard: 1 }], ceilings, true)).toThrow(
      UsageError,
    );
  });
});
