import { describe, expect, test } from "vitest";
import { Recorder } from "../../../src/cli/seccomp/record.ts";
import { defaultCapabilities } from "../../../src/security/capabilities.ts";
import { checkProfile } from "../../../src/security/seccomp/check.ts";
import { compileSeccomp } from "../../../src/security/seccomp/compile.ts";
import { parseSeccompProfile } from "../../../src/security/seccomp/profile.ts";
import { recordedProfile } from "../../../src/security/seccomp/recorded.ts";
import { resolveProfile } from "../../../src/security/seccomp/resolve.ts";
import { readProfile } from "../../../src/security/seccomp/source.ts";
import { strictProfile } from "../../../src/security/seccomp/strict.ts";

const target = { caps: defaultCapabilities, arch: process.arch, kernel: "6.1.0" };
const usual = parseSeccompProfile(readProfile({ kind: "default" }), "default");
const check = (document: object) =>
  checkProfile(parseSeccompProfile(JSON.stringify(document), "test.json"), usual, target, "test.json");
const allow = (...names: string[]) => ({ names, action: "SCMP_ACT_ALLOW" });

describe("a check", () => {
  test("of the default profile finds no difference, of the strict one only less", () => {
    expect(checkProfile(usual, usual, target, "default")).toMatchObject({
      defaultAction: "SCMP_ACT_ERRNO",
      beyondDefault: [],
      belowDefault: [],
      unknown: [],
      deadRules: [],
    });
    const strict = checkProfile(strictProfile(usual), usual, { ...target, caps: [] }, "strict");
    expect(strict.beyondDefault).toEqual([]);
    expect(strict.belowDefault).toEqual(expect.arrayContaining(["unshare", "mknodat", "io_setup"]));
  });

  test("names what is beyond, unknown, and without effect", () => {
    const found = check({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [
        allow("read", "wrte"),
        allow("ptrace"),
        allow("read"),
        { names: ["bpf"], action: "SCMP_ACT_ERRNO" },
        { ...allow("mount"), includes: { caps: ["CAP_SYS_ADMIN"] } },
        { ...allow("keyctl"), args: [{ index: 0, value: 0, op: "SCMP_CMP_EQ" }] },
        { ...allow("read"), args: [{ index: 0, value: 0, op: "SCMP_CMP_EQ" }] },
      ],
    });
    expect(found).toMatchObject({ allowed: 2, conditional: 1, unknown: ["wrte"] });
    expect(found.beyondDefault).toEqual(["keyctl (some)", "ptrace"]);
    expect(found.belowDefault).toContain("write");
    expect(found.deadRules).toEqual([
      "syscalls[2] (read): said by the rules before it",
      "syscalls[3] (bpf): does what the default action does",
      "syscalls[6] (read): said by the rules before it",
    ]);
  });

  test("of a profile that allows by default says so first", () => {
    const found = check({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["ptrace"], action: "SCMP_ACT_ERRNO" }],
    });
    expect(found.beyondDefault[0]).toBe("every call that no rule names");
    expect(found.beyondDefault).not.toContain("ptrace");
    expect(found.belowDefault).toEqual([]);
  });
});

describe("a recorded profile", () => {
  test("has what was called from the command's execve on, and compiles", () => {
    const recorder = new Recorder(7);
    for (const [pid, name, errno] of [
      [8, "capset", undefined],
      [8, "execve", "ENOENT"],
      [8, "execve", undefined],
      [7, "wait4", undefined],
      [8, "read", undefined],
      [9, "clone", undefined],
      [9, "clone3", "ENOSYS"],
      [9, "mount", "EPERM"],
      [9, "mkdir", "EPERM"],
      [9, "mkdir", undefined],
    ] as const)
      recorder.add({ pid, name, errno });
    const profile = recordedProfile(
      recorder.calls,
      resolveProfile(usual, { ...target, caps: [] }),
      process.arch,
    );
    const [plain, clone, missing] = profile.syscalls ?? [];
    expect(plain?.names).toEqual(["execve", "exit_group", "mkdir", "read"]);
    expect(clone).toMatchObject({ names: ["clone"], args: [expect.anything()] });
    expect(missing).toEqual({ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 });
    const parsed = parseSeccompProfile(JSON.stringify(profile), "recorded");
    expect(compileSeccomp(resolveProfile(parsed, target), "recorded").notes).toEqual([]);
    expect(checkProfile(parsed, usual, target, "recorded").beyondDefault).toEqual([]);
  });
});
