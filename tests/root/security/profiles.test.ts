import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { watchSeccompLog } from "../../../src/sys/seccomp-log.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { background } from "../life/background.ts";

const { host, folder } = sharedHost();

test("a recorded profile lets through what was recorded, and nothing else", async () => {
  const file = join(folder(), "profile.json");
  const script = "ls / > /dev/null && echo listed; cat /etc/hostname > /dev/null && (exit 3)";
  const words = ["--net", "none", "--", "/bin/sh", "-c"];
  const recorded = await host().mdocker(["seccomp", "record", "-o", file, ...words, script]);
  expect(recorded).toMatchObject({
    code: 3,
    stdout: "listed\n",
    stderr: expect.stringContaining("system calls; use it by"),
  });
  const option = ["--security-opt", `seccomp=${file}`];
  expect(await host().mdocker(["run", ...option, ...words, script])).toEqual({
    code: 3,
    stdout: "listed\n",
    stderr: "",
  });
  const more = await host().mdocker([
    "run",
    ...option,
    ...words,
    "ls / > /dev/null && echo listed; mkdir /tmp/x || echo refused",
  ]);
  expect(more.stdout).toBe("listed\nrefused\n");
  const checked = await host().mdocker(["seccomp", "check", "--json", file]);
  expect(JSON.parse(checked.stdout)).toMatchObject({ beyondDefault: [], unknown: [], deadRules: [] });
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ defaultAction: "SCMP_ACT_ERRNO" });
});

test("seccomp=strict holds for exec too, whatever is granted", async () => {
  const run = await background(host(), "strict", "echo ready; sleep 1000", [
    "--security-opt",
    "seccomp=strict",
    "--cap-add",
    "SYS_ADMIN",
  ]);
  const script =
    "mount -n -t tmpfs none /tmp 2>/dev/null && echo mounted; mknod /tmp/p p 2>/dev/null && echo made; ls / > /dev/null && echo listed";
  expect((await host().mdocker(["exec", "strict", "/bin/sh", "-c", script])).stdout).toBe("listed\n");
  const { stdout } = await host().mdocker(["inspect", "--format", "{{.seccomp}}", "strict"]);
  expect(stdout).toBe("strict\n");
  expect((await host().mdocker(["verify", "strict"])).code).toBe(0);
  expect((await host().mdocker(["kill", "strict"])).code).toBe(0);
  await run.ended;
});

test("what trace --denied shows is what was refused", async () => {
  const loop = "echo ready; while :; do mount -n -t tmpfs none /tmp 2>/dev/null; true; sleep 0.05; done";
  const run = await background(host(), "denied", loop, []);
  const { stdout } = await host().mdocker(["trace", "--denied", "--summary", "--duration", "4", "denied"]);
  expect(stdout).toMatch(/^mount +\d+ +\d+ /m);
  expect(stdout).not.toMatch(/^(read|wait4|openat|execve) /m);
  expect((await host().mdocker(["kill", "denied"])).code).toBe(0);
  await run.ended;
});

/** True where the kernel tells of what filters log: it needs CONFIG_AUDIT. */
function kernelTells(): boolean {
  try {
    watchSeccompLog(() => undefined)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

test("trace --denied shows what a profile logs and lets through, and what it kills for; of no other container", async () => {
  const file = join(folder(), "logging.json");
  const rules = [
    { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_LOG" },
    { names: ["chroot"], action: "SCMP_ACT_KILL_PROCESS" },
    { names: ["rmdir"], action: "SCMP_ACT_LOG" },
  ];
  writeFileSync(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: rules }));
  const option = ["--security-opt", `seccomp=${file}`];
  const loop = (line: string): string => `echo ready; while :; do ${line}; sleep 0.05; done 2> /dev/null`;
  const run = await background(host(), "logs", loop("mkdir /tmp/x; chroot / /bin/true"), option);
  const other = await background(host(), "other", loop("rmdir /tmp/x"), option);
  const traced = await host().mdocker(["trace", "--denied", "--summary", "--duration", "4", "logs"]);
  if (kernelTells()) {
    expect(traced).toMatchObject({ code: 0, stderr: "" });
    expect(traced.stdout).toMatch(/^mkdir(at)? \(logged, let through\) +\d+ /m);
    expect(traced.stdout).toMatch(/^chroot \(killed\) +\d+ /m);
    expect(traced.stdout).not.toMatch(/rmdir/);
  } else {
    expect(traced.stderr).toMatch(/SCMP_ACT_LOG\) or kills for are not shown: /);
  }
  for (const name of ["logs", "other"]) expect((await host().mdocker(["kill", name])).code).toBe(0);
  await run.ended;
  await other.ended;
});
