import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { defaultProfile } from "../../../src/security/apparmor/profile.ts";
import { planSecurity, type SecurityPlan, type SecurityRequest } from "../../../src/security/plan.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mdocker-plan-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function plan(request: Partial<SecurityRequest> = {}): SecurityPlan {
  return planSecurity(
    { root },
    { capAdd: [], capDrop: [], privileged: false, securityOptions: [], rlimits: [], uid: 0, ...request },
    { held: (1n << 41n) - 1n, lastCap: 40 },
  );
}

describe("a container nobody said anything about", () => {
  test("is confined in every way", () => {
    const { seccomp, noNewPrivileges, maskedPaths, readonlyPaths, notes } = plan();
    expect(noNewPrivileges).toBe(true);
    expect(seccomp).toMatchObject({ name: "default" });
    expect(maskedPaths).toEqual(expect.arrayContaining(["/proc/kcore", "/proc/keys", "/sys/firmware"]));
    expect(readonlyPaths).toEqual(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
    expect(notes).toEqual([]);
  });

  test("may open the default devices and terminals, after everything else was denied", () => {
    const { deviceRules, devices, deviceLinks } = plan();
    const [first, ...rest] = deviceRules;
    expect(first).toEqual({ allow: false, type: "a", access: "rwm" });
    expect(rest.every(({ allow, type, major }) => allow && type === "c" && major !== undefined)).toBe(true);
    expect(rest.map(({ major, minor }) => `${major}:${minor ?? "*"}`)).toEqual(
      "1:3 1:5 1:7 1:8 1:9 5:0 5:1 5:2 136:*".split(" "),
    );
    expect(devices.map(({ path }) => path).join(" ")).toBe(
      "/dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty",
    );
    expect(deviceLinks.find(({ path }) => path === "/dev/ptmx")?.target).toBe("pts/ptmx");
  });

  test("is planned without a file read or written; the filter comes when asked for", () => {
    const { seccomp } = plan();
    expect(readdirSync(root)).toEqual([]);
    const notes: string[] = [];
    const program = seccomp === "unconfined" ? undefined : seccomp.filter((note) => notes.push(note));
    expect(program?.length).toBeGreaterThan(800);
    expect(notes).toEqual([]);
    expect(readdirSync(root)).toEqual(["cache"]);
  });
});

describe("on a host with AppArmor", () => {
  const host = { held: (1n << 41n) - 1n, lastCap: 40, apparmor: true };
  const request = { capAdd: [], capDrop: [], privileged: false, securityOptions: [], rlimits: [], uid: 0 };

  test.each([
    [{}, "mdocker-default"],
    [{ privileged: true }, undefined],
    [{ securityOptions: ["apparmor=unconfined"] }, undefined],
    [{ securityOptions: ["systempaths=unconfined"] }, "mdocker-default"],
  ])("%j: the profile is %s", (asked, profile) => {
    expect(planSecurity({ root }, { ...request, ...asked }, host).apparmorProfile).toBe(profile);
  });

  test("the profile's name tells its rules, and who sees the host's processes may not signal them", () => {
    const [usual, seeing] = [defaultProfile(false), defaultProfile(true)];
    expect(usual.name).toMatch(/^mdocker-default-[0-9a-f]{8}$/);
    expect(seeing.name).not.toBe(usual.name);
    expect(usual.text).toContain("signal (send) peer=unconfined,");
    expect(seeing.text).not.toContain("unconfined");
    for (const { text } of [usual, seeing])
      expect(text).not.toMatch(/^ *(mount|umount|pivot_root|change_profile)/m);
  });
});

describe("a privileged container", () => {
  test("is confined in no way", () => {
    const { seccomp, noNewPrivileges, maskedPaths, readonlyPaths, capabilities, deviceRules } = plan({
      privileged: true,
    });
    expect([seccomp, noNewPrivileges, maskedPaths, readonlyPaths]).toEqual(["unconfined", false, [], []]);
    expect(capabilities.effective).toHaveLength(41);
    expect(deviceRules).toEqual([{ allow: true, type: "a", access: "rwm" }]);
  });

  test("but for what was named", () => {
    const { seccomp, noNewPrivileges } = plan({
      privileged: true,
      securityOptions: ["seccomp=default", "no-new-privileges"],
    });
    expect(seccomp).toMatchObject({ name: "default" });
    expect(noNewPrivileges).toBe(true);
  });
});

test("each option opens one thing", () => {
  expect(plan({ securityOptions: ["seccomp=unconfined"] })).toMatchObject({
    seccomp: "unconfined",
    noNewPrivileges: true,
  });
  const paths = plan({ securityOptions: ["systempaths=unconfined"] });
  expect([paths.maskedPaths, paths.readonlyPaths, paths.noNewPrivileges]).toEqual([[], [], true]);
  expect(plan({ securityOptions: ["no-new-privileges=false"] }).noNewPrivileges).toBe(false);
});

test("limits above what the host allows are lowered, with a note", () => {
  const held = ((1n << 41n) - 1n) & ~(1n << 24n);
  const request = { capAdd: [], capDrop: [], privileged: false, securityOptions: [], uid: 0 };
  const rlimits = [{ type: "RLIMIT_NOFILE", soft: 1, hard: Number.POSITIVE_INFINITY }];
  const clamped = planSecurity({ root }, { ...request, rlimits }, { held, lastCap: 40 });
  expect(clamped.rlimits).toEqual([{ type: "RLIMIT_NOFILE", soft: 1, hard: expect.any(Number) }]);
  expect(clamped.rlimits[0]?.hard).toBeLessThan(Number.POSITIVE_INFINITY);
  expect(clamped.notes).toEqual([expect.stringMatching(/^nofile limit unlimited is lowered to \d+/)]);
  expect(plan({ rlimits }).rlimits).toEqual(rlimits);
});
