import { describe, expect, test } from "vitest";
import { SetupError, UsageError } from "../../../src/core/errors.ts";
import {
  capabilitiesIn,
  capabilitiesToDrop,
  capabilityMask,
  capabilityName,
  capabilityNames,
  capabilityNumber,
  defaultCapabilities,
  heldCapabilities,
  lastCapability,
} from "../../../src/security/capabilities.ts";
import { type CapabilityRequest, resolveCapabilities } from "../../../src/security/grant.ts";

const everything = (1n << 41n) - 1n;

function resolve(request: Partial<CapabilityRequest>): ReturnType<typeof resolveCapabilities> {
  return resolveCapabilities({
    add: [],
    drop: [],
    privileged: false,
    rootUser: true,
    lastCap: 40,
    held: everything,
    ...request,
  });
}

const bounding = (request: Partial<CapabilityRequest>): readonly string[] =>
  resolve(request).capabilities.bounding;

describe("the table", () => {
  test("has the kernel's numbers", () => {
    expect(capabilityNames).toHaveLength(41);
    // capability.h, one of each row.
    expect(
      ["CHOWN", "SETUID", "NET_ADMIN", "SYS_MODULE", "SYS_ADMIN", "MKNOD", "SETFCAP", "SYSLOG", "BPF"].map(
        (name) => capabilityNumber(`CAP_${name}`),
      ),
    ).toEqual([0, 7, 12, 16, 21, 27, 31, 34, 39]);
    expect(capabilityNumber("CAP_CHECKPOINT_RESTORE")).toBe(40);
  });

  test("names the capabilities of later kernels by number, and no others", () => {
    expect(capabilityName(41)).toBe("CAP_41");
    expect(capabilityNumber("CAP_41")).toBe(41);
    expect(capabilityNumber("CAP_12")).toBeUndefined();
    expect(capabilityNumber("CAP_64")).toBeUndefined();
    expect(capabilityNumber("CAP_TELEPORT")).toBeUndefined();
  });

  test("makes masks and reads them", () => {
    expect(capabilityMask(["CAP_CHOWN", "CAP_NET_ADMIN", "CAP_BPF"])).toBe(0x80_0000_1001n);
    expect(capabilitiesIn(0x80_0000_1001n)).toEqual(["CAP_CHOWN", "CAP_NET_ADMIN", "CAP_BPF"]);
    expect(capabilitiesIn(capabilityMask(capabilityNames))).toEqual(capabilityNames);
    expect(() => capabilityMask(["CAP_TELEPORT"])).toThrow("CAP_TELEPORT");
  });

  test("what is dropped and what is kept are all the kernel has", () => {
    const drops = capabilitiesToDrop(defaultCapabilities, 42);
    expect(drops).toHaveLength(43 - defaultCapabilities.length);
    expect(drops.at(-1)).toEqual({ number: 42, name: "CAP_42" });
    expect(drops.map(({ name }) => name)).not.toContain("CAP_CHOWN");
    expect(capabilitiesToDrop([], 10)).toHaveLength(11);
  });

  test("reads this kernel's last and this process's own", () => {
    expect(lastCapability()).toBeGreaterThanOrEqual(37);
    expect(heldCapabilities() >> BigInt(lastCapability() + 1)).toBe(0n);
  });
});

describe("what a container gets", () => {
  test("by default the eleven, effective for root, nothing inheritable or ambient", () => {
    const { capabilities, notes } = resolve({});
    expect([...capabilities.bounding].sort()).toEqual([...defaultCapabilities].sort());
    expect(capabilities.effective).toEqual(capabilities.bounding);
    expect(capabilities.permitted).toEqual(capabilities.bounding);
    expect(capabilities.inheritable).toEqual([]);
    expect(capabilities.ambient).toEqual([]);
    expect(notes).toEqual([]);
    expect(defaultCapabilities).toHaveLength(11);
    for (const dangerous of [
      "NET_RAW",
      "MKNOD",
      "AUDIT_WRITE",
      "SYS_ADMIN",
      "SYS_PTRACE",
      "DAC_READ_SEARCH",
    ]) {
      expect(defaultCapabilities).not.toContain(`CAP_${dangerous}`);
    }
  });

  test.each([["net_admin"], ["NET_ADMIN"], ["CAP_NET_ADMIN"], ["cap_net_admin"], [" NET_ADMIN "]])(
    "takes the spelling %j",
    (name) => {
      expect(bounding({ add: [name] })).toContain("CAP_NET_ADMIN");
      expect(bounding({ add: ["ALL"], drop: [name] })).not.toContain("CAP_NET_ADMIN");
    },
  );

  test("add and drop change the default set; what is both dropped and added is there, as in docker", () => {
    expect(bounding({ add: ["NET_RAW"], drop: ["CHOWN"] })).toEqual(
      capabilitiesIn(
        capabilityMask([...defaultCapabilities, "CAP_NET_RAW"]) & ~capabilityMask(["CAP_CHOWN"]),
      ),
    );
    expect(bounding({ add: ["CHOWN"], drop: ["CHOWN"] })).toContain("CAP_CHOWN");
    expect(bounding({ add: ["CHOWN", "NET_RAW", "NET_RAW"] })).toHaveLength(12);
  });

  test("ALL", () => {
    expect(bounding({ add: ["all"] })).toEqual(capabilityNames);
    expect(bounding({ add: ["ALL"], drop: ["SYS_ADMIN"] })).toEqual(
      capabilityNames.filter((name) => name !== "CAP_SYS_ADMIN"),
    );
    expect(bounding({ drop: ["ALL"] })).toEqual([]);
    expect(bounding({ drop: ["ALL"], add: ["NET_BIND_SERVICE"] })).toEqual(["CAP_NET_BIND_SERVICE"]);
    expect(() => bounding({ drop: ["ALL"], add: ["ALL"] })).toThrow(UsageError);
  });

  test("privileged is everything, less what is dropped", () => {
    expect(bounding({ privileged: true })).toEqual(capabilityNames);
    expect(bounding({ privileged: true, drop: ["SYS_BOOT"] })).not.toContain("CAP_SYS_BOOT");
  });

  test("another user than root has only what was named, and keeps it over execve", () => {
    const plain = resolve({ rootUser: false }).capabilities;
    expect(plain.bounding).toHaveLength(11);
    for (const set of ["effective", "permitted", "inheritable", "ambient"] as const) {
      expect(plain[set]).toEqual([]);
    }
    const granted = resolve({ rootUser: false, add: ["NET_RAW"] }).capabilities;
    for (const set of ["effective", "permitted", "inheritable", "ambient"] as const) {
      expect(granted[set]).toEqual(["CAP_NET_RAW"]);
    }
    expect(granted.bounding).toHaveLength(12);
    expect(resolve({ rootUser: false, privileged: true }).capabilities.ambient).toEqual([]);
  });

  test("what the host lacks: an error when named, a note when it came with ALL", () => {
    const held = everything & ~capabilityMask(["CAP_SYS_RESOURCE"]);
    expect(() => resolve({ held, add: ["sys_resource"] })).toThrow(SetupError);
    expect(() => resolve({ held, add: ["sys_resource"] })).toThrow(
      /^--cap-add: CAP_SYS_RESOURCE: mdocker itself/,
    );
    for (const request of [{ add: ["ALL"] }, { privileged: true }]) {
      const { capabilities, notes } = resolve({ held, ...request });
      expect(capabilities.bounding).not.toContain("CAP_SYS_RESOURCE");
      expect(capabilities.bounding).toHaveLength(40);
      expect(notes).toEqual([expect.stringContaining("CAP_SYS_RESOURCE")]);
    }
    expect(resolve({ held: 0n }).notes[0]).toContain("CAP_CHOWN");
  });

  test("what the kernel lacks", () => {
    expect(() => resolve({ lastCap: 37, add: ["BPF"] })).toThrow("number 37");
    expect(resolve({ lastCap: 37, add: ["ALL"] }).capabilities.bounding).toHaveLength(38);
    expect(resolve({ lastCap: 41, held: (1n << 42n) - 1n, add: ["ALL"] }).capabilities.bounding).toContain(
      "CAP_41",
    );
  });

  test.each([
    ["NET_ADMN", "did you mean NET_ADMIN?"],
    ["CAP_SYSADMIN", "did you mean SYS_ADMIN?"],
    ["teleport", "capabilities(7)"],
    ["", "capabilities(7)"],
    ["NET_ADMIN,NET_RAW", "unknown capability"],
  ])("refuses %j", (name, message) => {
    for (const request of [{ add: [name] }, { drop: [name] }]) {
      expect(() => resolve(request)).toThrow(UsageError);
      expect(() => resolve(request)).toThrow(message);
    }
  });
});
