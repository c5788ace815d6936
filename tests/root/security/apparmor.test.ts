// @vm lsm=apparmor
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Audit } from "../../../src/container/audit/audit.ts";
import { outputOf, startCommand } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { background } from "../life/background.ts";

const here = existsSync("/proc/self/attr/apparmor/exec");
const securityfs = "/sys/kernel/security";
// The throw-away machine mounts it only where it is needed; the test's host has a /sys of its own.
const mountIt = `mountpoint -q ${securityfs} || mount -t securityfs none ${securityfs}`;
const { host, folder } = sharedHost({ script: here ? `${mountIt}\n` : "" });
beforeAll(async () => {
  if (here) await outputOf(["sh", "-c", mountIt]);
});

const profile = "mdocker-test";
const option = ["--security-opt", `apparmor=${profile}`];

/** On a host without AppArmor, as most test machines are. */
async function expectRefusal(): Promise<void> {
  expect(await host().mdocker(["run", "--net", "none", ...option, "/bin/true"])).toEqual({
    code: 2,
    stdout: "",
    stderr: `mdocker: --security-opt: apparmor=${profile}: this host has no AppArmor\n`,
  });
}

/** What is loaded of our own, as `NAME (MODE)`. */
function ownProfiles(): string[] {
  const loaded = readFileSync(join(securityfs, "apparmor/profiles"), "utf8");
  return loaded.split("\n").filter((line) => line.startsWith("mdocker-default"));
}

/** As `aa-remove-unknown` does on some hosts. */
async function unload(): Promise<void> {
  for (const line of ownProfiles())
    await outputOf(["apparmor_parser", "-R"], { input: `profile ${line.split(" ")[0]} { }\n` });
  expect(ownProfiles()).toEqual([]);
}

const look = "cat /proc/self/attr/current; cat /etc/passwd > /dev/null 2>&1 || echo refused";

async function expectConfinement(): Promise<void> {
  const file = join(folder(), "profile");
  const rules = "file, network, capability, signal, ptrace, unix, mount, deny /etc/passwd r,";
  writeFileSync(file, `profile ${profile} flags=(attach_disconnected,mediate_deleted) { ${rules} }\n`);
  const early = await host().mdocker(["run", "--net", "none", ...option, "/bin/true"]);
  expect(early).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/apparmor=mdocker-test: AppArmor has no such profile.*\n$/),
  });
  await outputOf(["apparmor_parser", "-r", "-K", file]);
  try {
    const confined = { code: 0, stdout: `${profile} (enforce)\nrefused\n` };
    const run = await host().mdocker(["run", "--net", "none", ...option, "/bin/sh", "-c", look]);
    expect(run).toMatchObject(confined);
    for (const more of [[], ["--init=false"], ["--userns", "300000:300000:65536"]]) {
      const kept = await background(host(), "kept", "echo ready; sleep 1000", [...option, ...more]);
      expect(await host().mdocker(["exec", "kept", "/bin/sh", "-c", look])).toMatchObject(confined);
      const { code, stdout } = await host().mdocker(["verify", "kept"]);
      expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/AppArmor/) });
      expect((await host().mdocker(["kill", "kept"])).code).toBe(0);
      await kept.ended;
    }
  } finally {
    await outputOf(["apparmor_parser", "-R", file]);
  }
}

test("a profile of AppArmor confines the command and what is executed beside it, or is refused", async () => {
  await (here ? expectConfinement() : expectRefusal());
});

/** What the profile keeps from a container that has the capability, and no other wall before it. */
const open = [
  "--net",
  "none",
  "--security-opt",
  "systempaths=unconfined",
  "--security-opt",
  "seccomp=unconfined",
];
const refusals: readonly (readonly [string, readonly string[], string])[] = [
  ["to mount", ["--cap-add", "SYS_ADMIN"], "mount -t tmpfs none /mnt"],
  ["to take a mount away", ["--cap-add", "SYS_ADMIN", "--tmpfs", "/mnt"], "umount /mnt"],
  ["core_pattern", [], 'f=/proc/sys/kernel/core_pattern; read -r now < $f; echo "$now" > $f'],
  ["the layout of programs", [], 'f=/proc/sys/kernel/randomize_va_space; read -r now < $f; echo "$now" > $f'],
  ["the kernel's memory", [], 'f=/proc/sys/vm/overcommit_memory; read -r now < $f; echo "$now" > $f'],
  ["sysrq-trigger", [], "printf '' > /proc/sysrq-trigger"],
];

function ownProfileTests(): void {
  const run = (...args: readonly string[]) => host().mdocker(["run", ...args]);
  const sh = (flags: readonly string[], line: string) => run(...flags, "/bin/sh", "-c", line);

  test("every container has mdocker's own profile, which is loaded when it is not", async () => {
    await unload();
    const mine = /^mdocker-default-[0-9a-f]{8} \(enforce\)\n$/;
    // Nothing is done for who only wants to see.
    const plan = await run("--explain", "--net", "none", "/bin/true");
    expect(plan.stdout).toMatch(/exec mdocker-default-[0-9a-f]{8}/);
    expect(ownProfiles()).toEqual([]);
    // Many at once: each has it, whoever loads it.
    const all = await Promise.all(Array.from({ length: 8 }, () => sh(["--net", "none"], look)));
    for (const one of all)
      expect(one).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(mine) });
    expect(ownProfiles()).toHaveLength(1);
    expect(await sh(["--net", "none", "--privileged"], look)).toMatchObject({ stdout: "unconfined\n" });
    const lifted = ["--net", "none", "--security-opt", "apparmor=unconfined"];
    expect(await sh(lifted, look)).toMatchObject({ stdout: "unconfined\n" });

    const kept = await background(host(), "kept", "echo ready; exec sleep 1000", []);
    expect(await host().mdocker(["exec", "kept", "/bin/sh", "-c", look])).toMatchObject({
      stdout: expect.stringMatching(mine),
    });
    expect((await host().mdocker(["verify", "kept"])).stdout).toMatch(/AppArmor +mdocker-default-/);
    const { findings } = JSON.parse((await host().mdocker(["audit", "--json", "kept"])).stdout) as Audit;
    expect(findings.map(({ subject }) => subject).join()).not.toContain("AppArmor");
    expect((await host().mdocker(["doctor"])).stdout).toMatch(
      /labels: .*containers have the profile mdocker-default-/,
    );
    await unload();
    expect(await host().mdocker(["exec", "kept", "/bin/sh", "-c", look])).toMatchObject({
      stdout: expect.stringMatching(mine),
    });
    expect((await host().mdocker(["kill", "kept"])).code).toBe(0);
    await kept.ended;
  });

  test.each(refusals)("it refuses %s", async (_what, flags, line) => {
    expect(await sh([...open, ...flags], line)).toMatchObject({
      stderr: expect.stringMatching(/permission denied|cannot|not permitted/i),
    });
    // It is the profile that does.
    const lifted = ["--security-opt", "apparmor=unconfined"];
    expect(await sh([...open, ...lifted, ...flags], line)).toMatchObject({ code: 0, stderr: "" });
  });

  test("what belongs to its own namespaces it may set", async () => {
    const files = "net/ipv4/ip_forward kernel/hostname kernel/shmmax kernel/msgmax fs/mqueue/msg_max";
    const line = `cd /proc/sys; for f in ${files}; do read -r now < $f; echo "$now" > $f || echo "not $f"; done`;
    expect(await sh([...open, "--cap-add", "NET_ADMIN"], line)).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("signals reach its own processes and its init, and nobody of the host's", async () => {
    const own = "sleep 1000 & kill -9 $!; wait $!; kill -0 1 && kill -TERM 1; sleep 1000";
    expect(await sh(["--net", "none"], own)).toMatchObject({
      code: 143,
      stderr: expect.not.stringMatching(/denied|permitted/i),
    });
    const bystander = startCommand(["sleep", "1000"], {});
    try {
      const pid = String(bystander.pid);
      const flags = ["--net", "none", "--pid", "host"];
      const asked = await sh(flags, `sleep 1000 & kill -9 $!; wait $!; kill -0 ${pid}`);
      expect(asked).toMatchObject({ code: 1, stderr: expect.stringMatching(/denied|permitted/i) });
      const lifted = ["--security-opt", "apparmor=unconfined"];
      expect(await sh([...flags, ...lifted], `kill -0 ${pid}`)).toMatchObject({ code: 0 });
    } finally {
      bystander.child.kill("SIGKILL");
      await bystander.ended;
    }
  });

  test("where it cannot be loaded a container starts without it, and who asks for it is refused", async () => {
    await unload();
    const flags = ["run", "--net", "none"];
    const wanted = ["--security-opt", "apparmor=mdocker-default"];
    const parser = (await outputOf(["sh", "-c", "command -v apparmor_parser"])).trim();
    await host().hostRun(["mount", "--bind", "/dev/null", parser]);
    try {
      expect(await host().mdocker([...flags, "/bin/sh", "-c", look])).toEqual({
        code: 0,
        stdout: "unconfined\n",
        stderr: "",
      });
      expect(await host().mdocker([...flags, ...wanted, "/bin/true"])).toEqual({
        code: 2,
        stdout: "",
        stderr: "mdocker: apparmor_parser is not installed (Debian: apt-get install apparmor)\n",
      });
      expect((await host().mdocker(["doctor"])).stdout).toMatch(/labels: .*apparmor_parser is not installed/);
    } finally {
      await host().hostRun(["umount", parser]);
    }
    expect(await host().mdocker([...flags, ...wanted, "/bin/true"])).toMatchObject({ code: 0, stderr: "" });
    await unload();
  });
}

if (here) describe("by default, on a host with AppArmor", ownProfileTests);
else
  test("mdocker's own profile is refused where it is asked for, and otherwise nobody speaks of it", async () => {
    const flags = ["run", "--net", "none"];
    const wanted = ["--security-opt", "apparmor=mdocker-default"];
    expect(await host().mdocker([...flags, ...wanted, "/bin/true"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "mdocker: --security-opt: apparmor=mdocker-default: this host has no AppArmor\n",
    });
    const { code, stdout } = await host().mdocker([...flags, "--explain", "/bin/true"]);
    expect({ code, said: /apparmor/i.test(stdout) }).toEqual({ code: 0, said: false });
  });

test("labels of SELinux are refused; what asks for nothing holds on every host", async () => {
  const run = (text: string) => host().mdocker(["run", "--net", "none", "--security-opt", text, "/bin/true"]);
  expect(await run("label=type:container_t")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/SELinux/),
  });
  for (const text of ["apparmor=unconfined", "label=disable"])
    expect(await run(text)).toEqual({ code: 0, stdout: "", stderr: "" });
});
