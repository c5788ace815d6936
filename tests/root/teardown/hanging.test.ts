import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { startExec } from "../../../src/container/exec.ts";
import { awaitExec } from "../../../src/container/exec-await.ts";
import { removeExec } from "../../../src/container/exec-records.ts";
import { findContainer } from "../../../src/container/refresh.ts";
import { type Running, runCommand, startCommand } from "../../harness/command.ts";
import { sharedHost } from "../../harness/shared-host.ts";

const { host, folder } = sharedHost();

// A lease keeps others from opening the file until it is given up, up to fs.lease-break-time (45 s): to execve(2) it is
// what a server is that does not answer.
const source = `#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
int main(int argc, char **argv) {
  int fd = open(argv[argc - 1], O_RDONLY);
  if (fcntl(fd, F_SETSIG, SIGURG) || fcntl(fd, F_SETLEASE, F_WRLCK)) return 1;
  write(1, "held\\n", 5);
  pause();
}`;
let hold: string;
beforeAll(async () => {
  hold = join(folder(), "hold");
  const { code, stderr } = await runCommand(["cc", "-x", "c", "-o", hold, "-"], { input: source });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

const children = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

/** The state of a process, by the letter of proc(5); undefined when it is gone. */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** The kernel's name of the function that process `pid` sleeps in. */
const sleepsIn = (pid: number): string => readFileSync(`/proc/${pid}/wchan`, "utf8");

/** A start that hangs in execve: mdocker, its monitor, and the container's pid 1. */
async function hanging(
  ...flags: string[]
): Promise<{ run: Running; lease: Running; monitor: number; child: number }> {
  const command = join(folder(), "command");
  await host().hostRun(["cp", "/bin/true", command]);
  const lease = startCommand([hold, command]);
  await lease.says(/held/);
  const mount = ["-v", `${command}:/command`];
  const run = host().start(["run", "--net", "none", "--init=false", ...mount, ...flags, "/command"]);
  let monitor = 0;
  let child = 0;
  await until(() => {
    const [found = 0] = monitor === 0 ? children(run.pid) : [monitor];
    monitor = found;
    [child = 0] = monitor === 0 ? [] : children(monitor);
    return child !== 0 && sleepsIn(child).includes("lease");
  });
  return { run, lease, monitor, child };
}

async function release({ child, ended }: Running): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("%s ends a start whose child hangs", async (name, code) => {
  const { run, lease } = await hanging();
  run.child.kill(name);
  expect(await run.ended).toEqual({
    code,
    stdout: "",
    stderr: `mdocker: interrupted by ${name}: nothing was started\n`,
  });
  await release(lease);
});

test("a second signal ends a start whose monitor does not end either", async () => {
  const { run, lease, monitor, child } = await hanging();
  process.kill(monitor, "SIGSTOP");
  run.child.kill("SIGINT");
  await until(() => ["Z", undefined].includes(stateOf(child)));
  expect(stateOf(run.pid)).toMatch(/[SR]/);
  run.child.kill("SIGINT");
  expect(await run.ended).toMatchObject({ code: 130, stdout: "" });
  await release(lease);
});

test("what hangs for a while only is waited for", async () => {
  const { run, lease } = await hanging();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await release(lease);
  expect(await run.ended).toEqual({ code: 0, stdout: "", stderr: "" });
});

/** A container with a command that hangs when it is executed, as long as the lease is held. */
async function hangingIn(name: string): Promise<{ run: Running; lease: Running }> {
  const command = join(folder(), "command");
  await host().hostRun(["cp", "/bin/true", command]);
  const mount = ["-v", `${command}:/command`];
  const script = ["/bin/sh", "-c", "echo up; exec sleep 1000"];
  const run = host().start(["run", "--net", "none", "--name", name, ...mount, ...script]);
  await run.says(/^up$/m);
  const lease = startCommand([hold, command]);
  await lease.says(/held/);
  return { run, lease };
}

test("a signal ends an exec that hangs, and not its container", async () => {
  const { run, lease } = await hangingIn("hung");
  const exec = host().start(["exec", "hung", "/command"]);
  await until(() =>
    children(exec.pid)
      .flatMap(children)
      .some((pid) => sleepsIn(pid).includes("lease")),
  );
  exec.child.kill("SIGINT");
  expect(await exec.ended).toEqual({
    code: 130,
    stdout: "",
    stderr: "mdocker: interrupted by SIGINT: nothing was executed\n",
  });
  await release(lease);
  expect(await host().mdocker(["exec", "hung", "/command"])).toMatchObject({ code: 0 });
  run.child.kill("SIGTERM");
  expect((await run.ended).code).toBe(143);
});

test("who starts an exec that hangs does other things meanwhile", async () => {
  const { run, lease } = await hangingIn("served");
  const nothing = openSync("/dev/null", "r+");
  const request = { args: ["/command"], env: [], terminal: false, privileged: false };
  const starting = startExec(host().place, findContainer(host().place, "served"), request, {
    lifetime: "foreground",
    stdio: [nothing, nothing, nothing],
  });
  let ready = false;
  starting.then(
    () => {
      ready = true;
    },
    () => undefined,
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(ready).toBe(false);
  await release(lease);
  expect(await awaitExec(host().place, await starting)).toBe(0);
  removeExec(host().place, (await starting).record.container, (await starting).record.id);
  closeSync(nothing);
  run.child.kill("SIGTERM");
  expect((await run.ended).code).toBe(143);
});
