import { describe, expect, test } from "vitest";
import { palette } from "../../../src/cli/colour.ts";
import { bridgeFilter } from "../../../src/cli/doctor/bridge-filter.ts";
import type { Check, Finding, Ground } from "../../../src/cli/doctor/check.ts";
import { forwarding } from "../../../src/cli/doctor/forwarding.ts";
import { kernel } from "../../../src/cli/doctor/kernel.ts";
import { links } from "../../../src/cli/doctor/links.ts";
import { names } from "../../../src/cli/doctor/names.ts";
import { namespaces } from "../../../src/cli/doctor/namespaces.ts";
import { privileges } from "../../../src/cli/doctor/privileges.ts";
import { users } from "../../../src/cli/doctor/users.ts";
import { checks, examine, renderFindings } from "../../../src/cli/doctor.ts";

const all = "CapEff:\t000001ffffffffff\n";
const paths = ["mnt", "pid", "net", "uts", "ipc", "cgroup", "user", "time"].map(
  (kind) => `/proc/self/ns/${kind}`,
);

function ground(files: Readonly<Record<string, string>>, more: Partial<Ground> = {}): Ground {
  return {
    instance: { root: "/r", state: "/s", prefix: "p" },
    env: {},
    uid: 0,
    readText: (path) => (Object.hasOwn(files, path) ? files[path] : undefined),
    exists: (path) => Object.hasOwn(files, path) || paths.includes(path),
    ...more,
  };
}

const look = async (check: Check, on: Ground): Promise<Finding> => check.look(on);

describe("checks", () => {
  test("users: namespaces, and ids for them; without root the filesystem cannot be tried", async () => {
    const nobody = { uid: 1000 };
    expect(await look(users, ground({}, nobody))).toMatchObject({ level: "ok" });
    const ids = { "/etc/subuid": "mdocker:700000:131072\n", "/etc/subgid": "mdocker:700000:131072\n" };
    expect((await look(users, ground(ids, nobody))).found).toBe(
      "ids for 2 containers with --userns auto, from 700000 on",
    );
    const closed = { "/proc/sys/user/max_user_namespaces": "0\n" };
    expect(await look(users, ground(closed, nobody))).toMatchObject({ level: "info" });
    const without = ground({}, { ...nobody, exists: () => false });
    expect(await look(users, without)).toMatchObject({
      level: "info",
      found: expect.stringMatching(/^no user namespaces/),
    });
  });

  test.each([
    ["5.10.0-1-amd64", "ok"],
    ["6.1.0", "ok"],
    ["5.9.16", "FAIL"],
    ["4.19.0", "FAIL"],
    ["?", "FAIL"],
  ])("kernel %s: %s", async (release, level) => {
    expect(await look(kernel, ground({ "/proc/sys/kernel/osrelease": `${release}\n` }))).toMatchObject({
      level,
    });
  });

  test.each([
    ["00000000:0035", "warn"],
    ["3500007F:0035", "ok"],
    ["00000000:0044", "ok"],
  ])("port 53 beside %s: %s", async (address, level) => {
    const table = `   sl  local_address rem_address   st\n  512: ${address} 00000000:0000 07\n`;
    expect(await look(names, ground({ "/proc/net/udp": table }))).toMatchObject({ level });
    const six = table.replace(/00000000:/, `${"0".repeat(32)}:`);
    expect(await look(names, ground({ "/proc/net/udp6": six }))).toMatchObject({ level });
  });

  test("privileges", async () => {
    const status = "/proc/self/status";
    expect(await look(privileges, ground({ [status]: all }))).toMatchObject({ level: "ok" });
    // Bit 24 is CAP_SYS_RESOURCE, bit 12 CAP_NET_ADMIN.
    expect(await look(privileges, ground({ [status]: "CapEff:\t000001fffeffffff\n" }))).toMatchObject({
      level: "warn",
      found: expect.stringContaining("CAP_SYS_RESOURCE"),
    });
    expect(await look(privileges, ground({ [status]: "CapEff:\t000001ffffffefff\n" }))).toEqual({
      level: "FAIL",
      found: "root without CAP_NET_ADMIN",
      mend: "start mdocker with these capabilities",
    });
    expect(
      await look(privileges, ground({ "/etc/subuid": "user:100000:65536\n" }, { uid: 1000 })),
    ).toMatchObject({
      level: "FAIL",
      found: "not root (unprivileged user namespaces are on, /etc/subuid has ranges)",
    });
  });

  test("namespaces", async () => {
    expect(await look(namespaces, ground({}))).toMatchObject({ level: "ok" });
    const without = (kind: string) =>
      ground({}, { exists: (path) => paths.includes(path) && !path.endsWith(`/${kind}`) });
    expect(await look(namespaces, without("time"))).toMatchObject({ level: "info" });
    expect(await look(namespaces, without("net"))).toEqual({
      level: "FAIL",
      found: "no net",
      mend: "boot a kernel with CONFIG_NET_NS",
    });
  });

  test("forwarding and br_netfilter are only told", async () => {
    expect(await look(forwarding, ground({ "/proc/sys/net/ipv4/ip_forward": "0\n" }))).toMatchObject({
      level: "info",
    });
    expect(await look(forwarding, ground({ "/proc/sys/net/ipv4/ip_forward": "1\n" }))).toMatchObject({
      level: "ok",
    });
    expect(await look(bridgeFilter, ground({}))).toMatchObject({ level: "info" });
  });

  test("links that are loaded are there", async () => {
    const loaded = { "/sys/module/bridge/initstate": "live\n", "/sys/module/veth/initstate": "live\n" };
    expect(await look(links, ground(loaded))).toEqual({ level: "ok", found: "bridge loaded, veth loaded" });
  });
});

test("a check that throws has failed, and does not keep the others from looking", async () => {
  const broken: Check = {
    name: "broken",
    look: () => {
      throw new Error("cannot\nlook");
    },
  };
  const findings = await examine(ground({ "/proc/sys/kernel/osrelease": "6.1\n" }), [broken, kernel]);
  expect(renderFindings(findings, palette(false, {}))).toBe(
    "FAIL broken: cannot; look\n     mend: see above; as root the check may tell more\nok   kernel: Linux 6.1\n",
  );
});

test("every check of this host ends with one line, and with a way to mend it where it is not ok", async () => {
  const { groundOf } = await import("../../../src/cli/doctor.ts");
  const findings = await examine(
    groundOf({ root: "/var/tmp/mdocker-none", state: "/var/tmp/mdocker-none/run", prefix: "none" }),
  );
  expect(findings.map(({ name }) => name)).toEqual(checks.map(({ name }) => name));
  expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
  for (const { level, mend } of findings) {
    if (level === "warn" || level === "FAIL") expect(mend).toMatch(/\w/);
  }
});
