// @vm lsm=apparmor
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outputOf } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";
import { background } from "../life/background.ts";

const { host, folder } = sharedHost();

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

async function expectConfinement(): Promise<void> {
  const file = join(folder(), "profile");
  const rules = "file, network, capability, signal, ptrace, unix, mount, deny /etc/passwd r,";
  writeFileSync(file, `profile ${profile} flags=(attach_disconnected,mediate_deleted) { ${rules} }\n`);
  const early = await host().mdocker(["run", "--net", "none", ...option, "/bin/true"]);
  // What is loaded is to be seen only where securityfs is mounted; else it is the kernel that refuses.
  expect(early.code).toBeGreaterThan(0);
  expect(early.stderr).toMatch(/apparmor=mdocker-test: (AppArmor has no such profile|ENOENT).*\n$/);
  // The throw-away machine mounts it only where it is needed.
  if (!existsSync("/sys/kernel/security/apparmor"))
    await outputOf(["mount", "-t", "securityfs", "none", "/sys/kernel/security"]);
  await outputOf(["apparmor_parser", "-r", "-K", file]);
  try {
    const look = "cat /proc/self/attr/current; cat /etc/passwd > /dev/null 2>&1 || echo refused";
    const confined = { code: 0, stdout: `${profile} (enforce)\nrefused\n` };
    const run = await host().mdocker(["run", "--net", "none", ...option, "/bin/sh", "-c", look]);
    expect(run).toMatchObject(confined);
    expect((await host().mdocker(["run", "--net", "none", "/bin/sh", "-c", look])).stdout).toBe(
      "unconfined\n",
    );
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
  await (existsSync("/proc/self/attr/apparmor/exec") ? expectConfinement() : expectRefusal());
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
