import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/core/errors.ts";
import { parseSeccompProfile } from "../../../src/security/seccomp/profile.ts";
import { type ProfileTarget, resolveProfile } from "../../../src/security/seccomp/resolve.ts";
import "../seed.ts";

const parse = (value: unknown) => parseSeccompProfile(JSON.stringify(value), "p.json");
const base = { defaultAction: "SCMP_ACT_ERRNO" };
const rule = { names: ["read"], action: "SCMP_ACT_ALLOW" };

function kept(conditions: object, target: Partial<ProfileTarget> = {}): boolean {
  const profile = parse({ ...base, syscalls: [{ ...rule, ...conditions }] });
  const resolved = resolveProfile(profile, { caps: [], arch: "x64", kernel: "6.1.0-18-amd64", ...target });
  return resolved.syscalls?.length === 1;
}

describe("conditions", () => {
  test("capabilities: all that are included, none that is excluded", () => {
    const admin = { caps: ["CAP_SYS_ADMIN"] };
    const both = { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] };
    expect(kept({ includes: admin })).toBe(false);
    expect(kept({ includes: admin }, admin)).toBe(true);
    expect(kept({ includes: both }, admin)).toBe(false);
    expect(kept({ includes: both }, both)).toBe(true);
    expect(kept({ excludes: both })).toBe(true);
    expect(kept({ excludes: both }, admin)).toBe(false);
  });

  test("machines, by Go's names", () => {
    expect(kept({ includes: { arches: ["amd64", "x32"] } })).toBe(true);
    expect(kept({ includes: { arches: ["amd64"] } }, { arch: "arm64" })).toBe(false);
    expect(kept({ includes: { arches: ["arm64"] } }, { arch: "arm64" })).toBe(true);
    expect(kept({ excludes: { arches: ["amd64"] } })).toBe(false);
  });

  test.each([
    ["4.8", "6.1.0-18-amd64", true],
    ["6.1", "6.1.0-18-amd64", true],
    ["6.2", "6.1.0-18-amd64", false],
    ["5.19", "6.1", true],
    ["6.1", "5.19.17", false],
    ["6.10", "6.9.1", false],
    ["6.9", "6.10.1", true],
  ])("kernel at least %s, being %s", (minKernel, kernel, expected) => {
    expect(kept({ includes: { minKernel } }, { kernel })).toBe(expected);
    expect(kept({ excludes: { minKernel } }, { kernel })).toBe(!expected);
  });

  test("empty ones always hold, as in docker's own profile", () => {
    expect(kept({ includes: {}, excludes: {}, args: [], comment: "" })).toBe(true);
    expect(kept({ includes: null, excludes: null, args: null })).toBe(true);
  });
});

describe("forms", () => {
  test("docker's archMap gives this machine's architectures", () => {
    const profile = parse({
      ...base,
      archMap: [
        { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
        { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
      ],
    });
    const architectures = (arch: string) =>
      resolveProfile(profile, { caps: [], arch, kernel: "6.1" }).architectures;
    expect(architectures("x64")).toEqual(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
    expect(architectures("arm64")).toEqual(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
  });

  test("the plain OCI form, the older single name, podman's errno names", () => {
    const profile = parse({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrno: "ENOSYS",
      architectures: ["SCMP_ARCH_X86_64"],
      flags: ["SECCOMP_FILTER_FLAG_LOG"],
      syscalls: [
        { name: "bdflush", action: "SCMP_ACT_ERRNO", errno: "EPERM" },
        { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38, errno: "EPERM" },
        { ...rule, args: [{ index: 1, value: 5, op: "SCMP_CMP_EQ" }] },
      ],
    });
    expect(resolveProfile(profile, { caps: [], arch: "x64", kernel: "6.1" })).toEqual({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 38,
      architectures: ["SCMP_ARCH_X86_64"],
      flags: ["SECCOMP_FILTER_FLAG_LOG"],
      syscalls: [
        { names: ["bdflush"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
        { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
        { ...rule, args: [{ index: 1, value: 5, valueTwo: 0, op: "SCMP_CMP_EQ" }] },
      ],
    });
  });
});

describe("what is wrong is named: field, value, expectation", () => {
  test.each([
    ["{", /^seccomp profile p\.json: not JSON: /],
    ["[]", /^seccomp profile p\.json: \[\]: expected an object$/],
    ["null", /: null: expected an object$/],
    ["{}", /: defaultAction: nothing: expected one of SCMP_ACT_KILL, /],
    ['{"defaultAction":"ALLOW"}', /: defaultAction: "ALLOW": expected one of /],
    [
      '{"defaultAction":"SCMP_ACT_NOTIFY"}',
      /: "SCMP_ACT_NOTIFY": expected an action that needs no listening/,
    ],
  ])("%s", (text, message) => {
    expect(() => parseSeccompProfile(text, "p.json")).toThrow(UsageError);
    expect(() => parseSeccompProfile(text, "p.json")).toThrow(message);
  });

  const args = (arg: object) => ({
    syscalls: [{ ...rule, args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ", ...arg }] }],
  });
  test.each([
    [{ syscals: [rule] }, 'p.json: "syscals": expected the key syscalls'],
    [{ syscalls: rule }, "syscalls: {"],
    [{ syscalls: [{ ...rule, name: 3 }] }, "syscalls[0].name: 3: expected a string"],
    [{ syscalls: [rule, { action: "SCMP_ACT_ALLOW" }] }, "syscalls[1].names: nothing: expected the names"],
    [{ syscalls: [{ ...rule, names: [] }] }, "syscalls[0].names: []: expected the names of system calls"],
    [{ syscalls: [{ ...rule, arg: [] }] }, 'syscalls[0]: "arg": expected the key args'],
    [
      { syscalls: [{ ...rule, errnoRet: -1 }] },
      "syscalls[0].errnoRet: -1: expected a whole number from 0 to 65535",
    ],
    [{ syscalls: [{ ...rule, errno: "EWHAT" }] }, 'syscalls[0].errno: "EWHAT": expected an errno name'],
    [{ syscalls: [{ ...rule, errno: "toString" }] }, "expected an errno name"],
    [args({ index: 6 }), "syscalls[0].args[0].index: 6: expected a whole number from 0 to 5"],
    [args({ value: "1" }), 'args[0].value: "1": expected a whole number'],
    [args({ value: 1.5 }), "args[0].value: 1.5"],
    [
      args({ value: 2 ** 64 }),
      "args[0].value: 18446744073709552000: expected a whole number from 0 to 9007199254740991",
    ],
    [args({ op: "EQ" }), 'args[0].op: "EQ": expected one of SCMP_CMP_NE'],
    [{ syscalls: [{ ...rule, includes: { cap: [] } }] }, 'includes: "cap": expected the key caps'],
    [
      { syscalls: [{ ...rule, includes: { minKernel: "new" } }] },
      'includes.minKernel: "new": expected a version',
    ],
    [{ archMap: [], architectures: ["SCMP_ARCH_X86"] }, "either architectures or archMap"],
    [{ listenerPath: "/run/x" }, 'listenerPath: "/run/x": expected no listener'],
  ])("%j", (extra, message) => {
    expect(() => parse({ ...base, ...extra })).toThrow(UsageError);
    expect(() => parse({ ...base, ...extra })).toThrow(message);
  });

  test("whatever is given, it is understood or refused as a usage error in one line", () => {
    const keys = fc.constantFrom(
      ...["defaultAction", "syscalls", "names", "name", "action", "args", "includes", "caps", "minKernel"],
      ...["archMap", "architecture", "errnoRet", "errno", "index", "value", "op", "flags", "__proto__"],
    );
    const leaf = fc.oneof(
      fc.constantFrom(
        "SCMP_ACT_ALLOW",
        "SCMP_ACT_ERRNO",
        "SCMP_CMP_EQ",
        "read",
        "EPERM",
        "5.4",
        null,
        0,
        1,
        -1,
      ),
      fc.jsonValue({ maxDepth: 1 }),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        leaf,
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(keys, tie("tree"), { maxKeys: 5 }),
      ),
    }));
    const likely = fc
      .record({ syscalls: fc.array(tree, { maxLength: 3 }), archMap: tree, extra: tree })
      .map(({ syscalls, archMap, extra }) => ({
        ...base,
        syscalls: syscalls.map((one) =>
          typeof one === "object" && one !== null ? { ...rule, ...one } : one,
        ),
        ...(extra === null ? {} : { archMap }),
      }));
    const check = (text: string): void => {
      try {
        const profile = parseSeccompProfile(text, "p.json");
        resolveProfile(profile, { caps: [], arch: "x64", kernel: "6.1" });
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect(String(error)).toMatch(/^UsageError: seccomp profile p\.json: .*expected|not JSON/);
        expect(String(error)).not.toContain("\n");
      }
    };
    fc.assert(
      fc.property(fc.oneof(tree, likely), (value) => check(JSON.stringify(value))),
      { numRuns: 3000 },
    );
    fc.assert(fc.property(fc.string(), check), { numRuns: 500 });
  });
});
