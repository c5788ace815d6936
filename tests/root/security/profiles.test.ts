import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
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
