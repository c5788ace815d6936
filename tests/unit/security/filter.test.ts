import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/core/errors.ts";
import type { OciSeccomp, OciSyscallRule } from "../../../src/core/oci.ts";
import { compileSeccomp } from "../../../src/security/seccomp/compile.ts";
import { resolveSyscall } from "../../../src/sys/seccomp.ts";
import { compatArch, decision, nativeArch, runFilter } from "./bpf-machine.ts";
import "../seed.ts";

const number = (name: string): number => resolveSyscall(nativeArch, name) ?? expect.fail(`no ${name}`);
const call = (name: string, ...args: number[]) => ({
  arch: nativeArch,
  nr: number(name),
  args: args.map(BigInt),
});

function compile(profile: Partial<OciSeccomp>): Uint8Array {
  return compileSeccomp({ defaultAction: "SCMP_ACT_ERRNO", ...profile }, "test").program;
}

const allow = (...names: string[]): OciSyscallRule => ({ names, action: "SCMP_ACT_ALLOW" });

describe("actions", () => {
  test.each([
    ["SCMP_ACT_ALLOW", undefined, 0x7fff0000],
    ["SCMP_ACT_LOG", undefined, 0x7ffc0000],
    ["SCMP_ACT_TRACE", 7, 0x7ff00007],
    ["SCMP_ACT_TRAP", undefined, 0x00030000],
    ["SCMP_ACT_KILL", undefined, 0x00000000],
    ["SCMP_ACT_KILL_THREAD", undefined, 0x00000000],
    ["SCMP_ACT_KILL_PROCESS", undefined, 0x80000000],
    ["SCMP_ACT_ERRNO", undefined, 0x00050001],
    ["SCMP_ACT_ERRNO", 38, 0x00050026],
  ])("%s %s", (action, errnoRet, expected) => {
    const rule = { names: ["getpid"], action, ...(errnoRet === undefined ? {} : { errnoRet }) };
    const other = action === "SCMP_ACT_ALLOW" ? "SCMP_ACT_ERRNO" : "SCMP_ACT_ALLOW";
    expect(runFilter(compile({ defaultAction: other, syscalls: [rule] }), call("getpid"))).toBe(expected);
    const asDefault = {
      defaultAction: action,
      ...(errnoRet === undefined ? {} : { defaultErrnoRet: errnoRet }),
    };
    expect(runFilter(compile(asDefault), { arch: nativeArch, nr: 0 })).toBe(expected);
  });

  test("an errno of a rule is EPERM unless named, whatever the default's is", () => {
    const program = compile({
      defaultErrnoRet: 38,
      syscalls: [{ names: ["mount"], action: "SCMP_ACT_ERRNO" }, allow("setns")],
    });
    expect(decision(program, call("mount"))).toBe("EPERM");
    expect(decision(program, call("getpid"))).toBe("ENOSYS");
    expect(decision(program, call("setns"))).toBe("allow");
  });
});

describe("names", () => {
  test("what nobody knows is left out, and said", () => {
    const { program, notes } = compileSeccomp(
      { defaultAction: "SCMP_ACT_ERRNO", syscalls: [allow("getpid", "teleport", "beam_up", "setns")] },
      "mine.json",
    );
    expect(decision(program, call("getpid"))).toBe("allow");
    expect(notes).toEqual([
      expect.stringMatching(/^seccomp profile mine\.json: libseccomp \d+\.\d+\.\d+ .*: teleport, beam_up$/),
    ]);
  });

  test("what only other machines have is left out silently", () => {
    const { notes } = compileSeccomp(
      {
        defaultAction: "SCMP_ACT_ERRNO",
        syscalls: [allow("getpid", "s390_pci_mmio_read", "breakpoint", "vm86")],
      },
      "test",
    );
    expect(notes).toEqual([]);
  });

  test("calls above the highest of the profile are ENOSYS, below it the default; a permissive profile allows them", () => {
    const strict = compile({ syscalls: [allow("getpid", "openat2")] });
    expect(decision(strict, { arch: nativeArch, nr: number("openat2") - 1 })).toBe("EPERM");
    expect(decision(strict, { arch: nativeArch, nr: number("openat2") })).toBe("allow");
    expect(decision(strict, { arch: nativeArch, nr: number("openat2") + 1 })).toBe("ENOSYS");
    const permissive = compile({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mount"], action: "SCMP_ACT_ERRNO" }],
    });
    expect(decision(permissive, { arch: nativeArch, nr: 5000 })).toBe("allow");
    expect(decision(permissive, call("mount"))).toBe("EPERM");
  });

  test("flags that cannot be passed on are said", () => {
    const { notes } = compileSeccomp(
      { defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_LOG"] },
      "x",
    );
    expect(notes).toEqual([expect.stringContaining("SECCOMP_FILTER_FLAG_LOG")]);
  });
});

describe("architectures", () => {
  test("only the named ones", () => {
    const compatName = process.arch === "arm64" ? "SCMP_ARCH_ARM" : "SCMP_ARCH_X86";
    const both = compile({ architectures: [compatName, "SCMP_ARCH_S390X"], syscalls: [allow("openat2")] });
    expect(decision(both, call("openat2"))).toBe("allow");
    expect(decision(both, { arch: compatArch, nr: number("openat2") })).toBe("allow");
    expect(decision(both, { arch: compatArch, nr: number("openat2") - 1 })).toBe("EPERM");
    const one = compile({ syscalls: [allow("openat2")] });
    expect(decision(one, { arch: compatArch, nr: 0 })).toBe("kill");
  });

  test("a misspelt one is refused", () => {
    const profile = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_46"] };
    expect(() => compileSeccomp(profile, "x")).toThrow(UsageError);
    expect(() => compileSeccomp(profile, "x")).toThrow(
      "architectures: SCMP_ARCH_X86_46: expected SCMP_ARCH_X86_64",
    );
  });
});

describe("arguments", () => {
  const holds: Readonly<Record<string, (value: bigint, a: bigint, b: bigint) => boolean>> = {
    SCMP_CMP_NE: (value, a) => value !== a,
    SCMP_CMP_LT: (value, a) => value < a,
    SCMP_CMP_LE: (value, a) => value <= a,
    SCMP_CMP_EQ: (value, a) => value === a,
    SCMP_CMP_GE: (value, a) => value >= a,
    SCMP_CMP_GT: (value, a) => value > a,
    SCMP_CMP_MASKED_EQ: (value, a, b) => (value & a) === b,
  };
  const wide = fc.oneof(
    fc.nat({ max: 5 }),
    fc.constantFrom(0xffffffff, 0x100000000, 0x100000001, 0x7e020000),
    fc.maxSafeNat(),
  );
  const argument = fc.record({
    index: fc.nat({ max: 5 }),
    op: fc.constantFrom(...Object.keys(holds)),
    value: wide,
    valueTwo: wide,
  });

  // A masked comparison with bits outside of its mask can never hold: nobody writes it, and libraries differ about it.
  const sane = argument.map((arg) =>
    arg.op === "SCMP_CMP_MASKED_EQ"
      ? { ...arg, valueTwo: Number(BigInt(arg.value) & BigInt(arg.valueTwo)) }
      : arg,
  );

  test("one rule allows exactly the calls whose arguments all hold", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(sane, { maxLength: 3, selector: ({ index }) => index }),
        fc.array(fc.tuple(wide, wide, wide, wide, wide, wide), { minLength: 1, maxLength: 8 }),
        (args, vectors) => {
          const program = compile({ syscalls: [{ ...allow("personality"), args }, allow("setns")] });
          for (const vector of vectors) {
            const values = vector.map(BigInt);
            const expected = args.every(({ index, op, value, valueTwo }) =>
              holds[op]?.(values[index] ?? 0n, BigInt(value), BigInt(valueTwo)),
            );
            const got = decision(program, { arch: nativeArch, nr: number("personality"), args: values });
            expect(got).toBe(expected ? "allow" : "EPERM");
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("an argument compared twice makes two rules, as in runc: either is enough", () => {
    const args = [
      { index: 0, op: "SCMP_CMP_EQ", value: 1 },
      { index: 0, op: "SCMP_CMP_EQ", value: 2 },
    ];
    const program = compile({ syscalls: [{ ...allow("personality"), args }, allow("setns")] });
    expect([0, 1, 2, 3].map((value) => decision(program, call("personality", value)))).toEqual([
      "EPERM",
      "allow",
      "allow",
      "EPERM",
    ]);
  });
});

test("any set of names is allowed, and nothing else", () => {
  const pool =
    "read write openat close mmap fcntl mount ptrace bpf socket keyctl setns reboot execve statx".split(" ");
  fc.assert(
    fc.property(fc.subarray(pool), (names) => {
      const program = compile({ syscalls: [allow(...names, "openat2")] });
      for (const name of pool) {
        expect([name, decision(program, call(name))]).toEqual([
          name,
          names.includes(name) ? "allow" : "EPERM",
        ]);
      }
    }),
    { numRuns: 100 },
  );
});
