import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";
import { endAll, inspected, startReady } from "./container.ts";

const { host, folder } = sharedHost();
const loop = "while :; do cat /nowhere; sleep 0.05; done 2>/dev/null";

/** Waits until nobody traces any process of a container. */
async function untraced(name: string): Promise<void> {
  const { stdout } = await host().mdocker(["top", name, "-o", "pid"]);
  const pids = stdout.split("\n").slice(1).filter(Boolean);
  const traced = () =>
    pids.filter((pid) => {
      try {
        return !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid.trim()}/status`, "utf8"));
      } catch {
        return false;
      }
    });
  for (const deadline = Date.now() + 10_000; traced().length > 0; await pause(20)) {
    if (Date.now() > deadline) throw new Error(`still traced: ${traced().join(", ")}`);
  }
}

function withoutStrace(): string {
  const directory = join(folder(), "bin");
  mkdirSync(directory);
  for (const name of readdirSync("/usr/bin")) {
    if (name !== "strace") symlinkSync(join("/usr/bin", name), join(directory, name));
  }
  return `${directory}:/usr/sbin:/sbin`;
}

test("calls, errors and time by process, and a summary; the container goes on", async () => {
  const run = await startReady(host(), "busy", ["--net", "none"], loop);
  const { code, stdout, stderr } = await host().mdocker(["trace", "--duration", "1.5", "busy"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [table = "", summary = ""] = stdout.split("\n\n");
  expect(table).toMatch(/^PROCESS +SYSCALL +CALLS +ERRORS +TIME +EACH +SHARE\n/);
  expect(table).toMatch(/\nbash \(\d+ processes\) +wait4 +\d+ /);
  expect(table).toMatch(/\nsleep \(\d+( processes)?\) +clock_nanosleep +\d+ /);
  // cat finds no file.
  expect(table).toMatch(/\ncat \(\d+( processes)?\) +openat +(\d+) +\d+ /);
  expect(summary).toMatch(/^SYSCALL +CALLS +ERRORS +TIME +EACH +SHARE\n/);
  expect(summary).not.toContain("processes");

  const only = await host().mdocker(["trace", "--summary", "--duration", "1", "-e", "openat", "busy"]);
  expect(only.stdout.split("\n\n")[1]).toMatch(/^SYSCALL .*\nopenat +\d+ +\d+ .*\n$/);
  expect(await host().mdocker(["trace", "-e", "nonsense", "busy"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^mdocker: -e: invalid system call 'nonsense'\n$/) as string,
  });
  expect(await host().mdocker(["trace", "-e", "a b", "busy"])).toMatchObject({ code: 1 });
  await untraced("busy");
  expect(await inspected(host(), "busy", "{{.state}}")).toBe("running");
  await endAll(host(), { busy: run });
});

test("on a terminal a live table; Ctrl-C ends it, and even a killed one lets go", async () => {
  const run = await startReady(host(), "live", ["--net", "none"], loop);
  const trace = host().terminal(["trace", "live"]);
  await trace.says(/\x1b\[\?25l[\s\S]*SYSCALL[\s\S]*\x1b\[\d+A[\s\S]*SYSCALL/);
  trace.child.stdin.write("\x03");
  expect(await trace.ended).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\x1b\[\?25h[\s\S]*SYSCALL/) as string,
  });
  await untraced("live");

  const killed = host().terminal(["trace", "live"]);
  await killed.says(/SYSCALL/);
  const line = await host()
    .hostRun(["pgrep", "-f", `^node.*/mdocker.*trace live|mdocker trace live`])
    .catch(() => "");
  for (const pid of line.split("\n").filter(Boolean)) {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    if (environment.includes(`MDOCKER_PREFIX=${host().place.prefix}\0`)) process.kill(Number(pid), "SIGKILL");
  }
  await killed.ended;
  await untraced("live");
  expect(await inspected(host(), "live", "{{.state}}")).toBe("running");
  await endAll(host(), { live: run });
});

test("without strace, what the threads are doing; it ends with the container", async () => {
  const run = await startReady(host(), "calm", ["--net", "none"]);
  const env = { PATH: withoutStrace() };
  const { code, stdout, stderr } = await host().mdocker(["trace", "--duration", "0.5", "calm"], { env });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: "mdocker: strace is not installed: looking at /proc every 5 ms instead\n",
  });
  expect(stdout).toMatch(/^PROCESS +DOING +SEEN +SHARE\n/);
  expect(stdout).toMatch(/\nsleep \(\d+\) +clock_nanosleep +\d+ +\d+\.\d% /);
  expect(await host().mdocker(["trace", "-e", "read", "calm"], { env })).toMatchObject({ code: 1 });

  const sampling = host().terminal(["trace", "--sample", "calm"]);
  const tracing = host().terminal(["trace", "calm"]);
  await Promise.all([sampling.says(/DOING/), tracing.says(/SYSCALL/)]);
  await endAll(host(), { calm: run });
  expect(await sampling.ended).toMatchObject({ code: 0 });
  expect(await tracing.ended).toMatchObject({ code: 0 });
});
