import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DeviceRule, readDeviceRules } from "../../../cgroup/device-rules.ts";
import { planCgroup } from "../../../cgroup/plan.ts";
import { v1DeviceLimits } from "../../../cgroup/v1/devices.ts";
import { deviceProgram } from "../../../cgroup/v2/device-program.ts";
import type { OciDeviceRule } from "../../../src/core/oci.ts";
import { deviceRules } from "../../../src/security/devices.ts";
import { type DeviceRequest, runDeviceProgram } from "./device-machine.ts";
import { hybridHost, unifiedHost } from "./hosts.ts";

const none: OciDeviceRule = { allow: false, access: "rwm" };
const nullDevice: OciDeviceRule = { allow: true, type: "c", major: 1, minor: 3, access: "rwm" };
const terminals: OciDeviceRule = { allow: true, type: "c", major: 136, access: "rwm" };

/** What the rules say, letter by letter: the last rule that speaks of it decides, else it is allowed. */
function verdict(rules: readonly DeviceRule[], { type, major, minor, access }: DeviceRequest): boolean {
  return [...(access || "rwm")].every((letter) => {
    const rule = rules.findLast(
      (candidate) =>
        (candidate.type === "a" || candidate.type === type) &&
        (candidate.major ?? major) === major &&
        (candidate.minor ?? minor) === minor &&
        candidate.access.includes(letter),
    );
    return rule?.allow ?? true;
  });
}

const access = fc.subarray([..."rwm"], { minLength: 1 }).map((letters) => letters.join(""));
const small = fc.integer({ min: 0, max: 2 });
const rule: fc.Arbitrary<OciDeviceRule> = fc.record(
  {
    allow: fc.boolean(),
    type: fc.constantFrom("a", "b", "c"),
    major: fc.oneof(small, fc.constant(-1)),
    minor: small,
    access,
  },
  { requiredKeys: ["allow"] },
);
const request: fc.Arbitrary<DeviceRequest> = fc.record({
  type: fc.constantFrom("b", "c"),
  major: small,
  minor: small,
  access: fc.oneof(access, fc.constant("")),
});

describe("the device program of v2", () => {
  test("decides as the rules do, for any rules and requests", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 8 }), request, (given, wanted) => {
        const rules = readDeviceRules(given);
        const program = deviceProgram(rules);
        const allowed = program === undefined || runDeviceProgram(program, wanted);
        expect(allowed).toBe(verdict(rules, wanted));
      }),
      { numRuns: 5000 },
    );
  });

  test("a container's own rules", () => {
    const program = deviceProgram(readDeviceRules(deviceRules(false)));
    const may = (type: "b" | "c", major: number, minor: number, wanted: string): boolean =>
      program !== undefined && runDeviceProgram(program, { type, major, minor, access: wanted });
    expect([may("c", 1, 3, "rw"), may("c", 1, 9, "r"), may("c", 136, 77, "rwm")]).toEqual([true, true, true]);
    expect([may("b", 1, 3, "r"), may("c", 1, 1, "r"), may("c", 10, 229, "rw"), may("b", 8, 0, "m")]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test("no program where everything is allowed", () => {
    expect(deviceProgram(readDeviceRules(deviceRules(true)))).toBeUndefined();
    expect(deviceProgram(readDeviceRules([none, nullDevice, { allow: true }]))).toBeUndefined();
    expect(planCgroup(unifiedHost(), "a/b", { devices: [none] }).at(-1)).toMatchObject({ op: "devices" });
  });

  test("its bytes: everything denied but /dev/null", () => {
    const program = deviceProgram(readDeviceRules([none, nullDevice]));
    const lines = Buffer.from(program ?? [])
      .toString("hex")
      .match(/.{16}/g);
    expect(lines).toEqual([
      "6112000000000000", // r2 = *(u32 *)(r1 + 0)
      "bf23000000000000", // r3 = r2
      "7403000010000000", // w3 >>= 16
      "54020000ffff0000", // w2 &= 0xffff
      "6114040000000000", // r4 = *(u32 *)(r1 + 4)
      "6115080000000000", // r5 = *(u32 *)(r1 + 8)
      "5603010000000000", // if w3 != 0 goto +1
      "b703000007000000", // r3 = 7
      "5602060002000000", // if w2 != 2 goto +6
      "5604050001000000", // if w4 != 1 goto +5
      "5605040003000000", // if w5 != 3 goto +4
      "5403000000000000", // w3 &= 0
      "5603020000000000", // if w3 != 0 goto +2
      "b700000001000000", // r0 = 1
      "9500000000000000", // exit
      "4603010007000000", // if w3 & 7 goto +1
      "0500020000000000", // goto +2
      "b700000000000000", // r0 = 0
      "9500000000000000", // exit
      "b700000001000000", // r0 = 1
      "9500000000000000", // exit
    ]);
  });
});

describe("device rules of v1", () => {
  const writes = (rules: readonly OciDeviceRule[]): string[] =>
    v1DeviceLimits(readDeviceRules(rules)).flatMap(({ targets }) =>
      targets.flatMap(({ file, values }) => values.map((value) => `${file} ${value}`)),
    );

  test("deny all, then allow one by one", () => {
    expect(writes([nullDevice, none, nullDevice, terminals])).toEqual([
      "devices.deny a",
      "devices.allow c 1:3 rwm",
      "devices.allow c 136:* rwm",
    ]);
    expect(planCgroup(hybridHost(), "a/b", { devices: [none, nullDevice, terminals] }).at(-1)?.text).toBe(
      "write c 1:3 rwm, c 136:* rwm to /sys/fs/cgroup/devices/a/b/devices.allow",
    );
  });

  test("allow all but some; nothing to do where all is allowed", () => {
    expect(writes([{ allow: true }, { ...nullDevice, allow: false, access: "w" }])).toEqual([
      "devices.deny c 1:3 w",
    ]);
    expect(writes(deviceRules(true))).toEqual([]);
  });

  test("`a` with numbers does not become everything", () => {
    expect(writes([none, { allow: true, type: "a", major: 1, minor: 3, access: "r" }])).toEqual([
      "devices.deny a",
      "devices.allow b 1:3 r",
      "devices.allow c 1:3 r",
    ]);
  });

  test("a part of an earlier rule cannot be taken back: an error, not a wider rule", () => {
    expect(() => writes([none, terminals, { allow: false, type: "c", major: 136, minor: 3 }])).toThrow(
      /^cannot enforce device rules: deny c 136:3 rwm takes back a part of an earlier rule/,
    );
    expect(writes([none, terminals, { allow: false, type: "c", major: 5, minor: 3 }])).toHaveLength(2);
  });
});
