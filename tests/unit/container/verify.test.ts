import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isInForce } from "../../../src/container/verify/limits.ts";
import { parseMounts, resolveInside } from "../../../src/container/verify/mounts.ts";
import { parseStatus } from "../../../src/container/verify/subject.ts";

test.each([
  ["50", "50", true],
  ["50", "51", false],
  ["70000001", "69996544", true],
  ["70000001", "70000640", false],
  ["max", "max", true],
  ["-1", "9223372036854771712", true],
  ["-1", "4096", false],
  ["50000 100000", "50000 100000", true],
  ["50000", "50000 100000", true],
  ["max", "50000 100000", false],
  ["8:0 rbps=1000", "8:0 rbps=1000 wbps=max riops=max wiops=max", true],
  ["8:0 rbps=1000", "8:16 rbps=1000 wbps=max\n8:0 rbps=2000 wbps=max", false],
  ["8:0 1000", "8:16 5\n8:0 1000", true],
  ["default 100", "default 100", true],
  ["0-1", "0-1", true],
])("of %j written, %j is what is in force: %s", (written, found, expected) => {
  expect(isInForce(written, found)).toBe(expected);
});

test("mountinfo: escaped names, propagation, read-only mounts of writable file systems", () => {
  const text = `166 142 0:62 / / rw,relatime - overlay overlay rw,lowerdir=/a,upperdir=/u
170 143 0:64 /sys /proc/sys ro,nosuid - proc proc rw
171 166 8:1 /a\\040b /data\\040x rw shared:7 master:3 - ext4 /dev/sda1 rw
`;
  expect(parseMounts(text)).toEqual([
    {
      root: "/",
      point: "/",
      readOnly: false,
      propagation: [],
      type: "overlay",
      options: "rw,lowerdir=/a,upperdir=/u",
    },
    { root: "/sys", point: "/proc/sys", readOnly: true, propagation: [], type: "proc", options: "rw" },
    {
      root: "/a b",
      point: "/data x",
      readOnly: false,
      propagation: ["shared:7", "master:3"],
      type: "ext4",
      options: "rw",
    },
  ]);
});

test("status of a process", () => {
  const text = `Name:\ta b
Pid:\t100
NSpid:\t100\t7
CapInh:\t0000000000000000
CapPrm:\t0000000000000020
CapEff:\t0000000000000020
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t1
`;
  expect(parseStatus(text)).toEqual({
    pid: 100,
    pids: [100, 7],
    name: "a b",
    capabilities: {
      bounding: 0x1ffffffffffn,
      permitted: 0x20n,
      effective: 0x20n,
      inheritable: 0n,
      ambient: 0n,
    },
    noNewPrivileges: true,
    seccomp: 2,
    filters: 1,
  });
});

test("a path inside leads where its links lead, and never out", () => {
  const root = mkdtempSync(join(tmpdir(), "mdocker-verify-"));
  try {
    mkdirSync(join(root, "usr/bin"), { recursive: true });
    symlinkSync("usr/bin", join(root, "bin"));
    symlinkSync("/usr", join(root, "absolute"));
    symlinkSync("../../../../etc", join(root, "usr/out"));
    symlinkSync("loop", join(root, "loop"));
    const cases = [
      "/",
      "/bin/x/",
      "/absolute/bin",
      "/usr/out/passwd",
      "/bin/../y",
      "/usr/./bin//z",
      "/nowhere/a",
    ];
    expect(cases.map((path) => resolveInside(root, path))).toEqual([
      ...["/", "/usr/bin/x", "/usr/bin", "/etc/passwd", "/usr/y", "/usr/bin/z", "/nowhere/a"],
    ]);
    expect(resolveInside(root, "/loop")).toBe("/loop");
  } finally {
    rmSync(root, { recursive: true });
  }
});
