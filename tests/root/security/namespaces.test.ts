// @vm
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { describe, expect, test } from "vitest";
import type { Running } from "../../harness/command.ts";
import type { TestHost } from "../../harness/host.ts";
import { useHost } from "../../harness/shared-host.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { background, recordOf } from "../life/background.ts";

let host: TestHost;
useHost((made) => {
  host = made;
});

const sh = (
  flags: readonly string[],
  script: string,
): Promise<{ code: number; stdout: string; stderr: string }> =>
  host.mdocker(["run", "--net", "none", ...flags, "/bin/sh", "-c", script]);
const own = (kind: string): string => readlinkSync(`/proc/self/ns/${kind}`);
const waiting = "echo ready; sleep 1000 & wait";

async function kill(name: string, run: Running): Promise<number> {
  expect((await host.mdocker(["kill", name])).code).toBe(0);
  return (await run.ended).code;
}

/** `mdocker verify` finds nothing else than what was asked. */
async function expectVerified(name: string): Promise<void> {
  const { stdout, code } = await host.mdocker(["verify", name]);
  expect({ code, stdout: code === 0 ? "" : stdout }).toEqual({ code: 0, stdout: "" });
}

describe("the host's", () => {
  test.each([
    ["pid", "pid"],
    ["ipc", "ipc"],
    ["uts", "uts"],
    ["cgroupns", "cgroup"],
  ])("--%s host, and no other namespace of it", async (flag, kind) => {
    const kinds = ["pid", "ipc", "uts", "cgroup", "mnt", "net"];
    const script = `for n in ${kinds.join(" ")}; do readlink /proc/self/ns/$n; done`;
    const { stdout } = await sh([`--${flag}`, "host"], script);
    const inside = stdout.trimEnd().split("\n");
    for (const [i, name] of kinds.entries())
      expect([name, inside[i] === own(name)]).toEqual([name, name === kind]);
  });

  test("pid: sees the host's processes, and everything of it ends with its command", async () => {
    // Leaves a process behind that is nobody's child.
    const script =
      "(setsid sleep 1000 &) ; cat /proc/sys/kernel/ns_last_pid >/dev/null; echo pid $$; ls -d /proc/" +
      process.pid;
    const { code, stdout } = await sh(["--pid", "host", "--name", "seer"], script);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`/proc/${process.pid}\n`),
    });
    expect(Number(/pid (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(1);
    await expectNothingLeft(host.fresh);
  });

  test("pid: killed from outside it leaves no process", async () => {
    const run = await background(host, "doomed", `setsid sleep 1000 & ${waiting}`, ["--pid", "host"]);
    await expectVerified("doomed");
    expect(await kill("doomed", run)).toBe(137);
    await expectNothingLeft(host.fresh);
  });

  test("pid: orphans are reaped, signals arrive, exec sees the same processes", async () => {
    const script = 'trap "exit 7" TERM; (sleep 0 &); echo ready; sleep 1000 & wait';
    const run = await background(host, "reaper", script, ["--pid", "host"]);
    const { stdout } = await host.mdocker([
      "exec",
      "reaper",
      "/bin/sh",
      "-c",
      `readlink /proc/self/ns/pid; ls -d /proc/${process.pid}`,
    ]);
    expect(stdout).toBe(`${own("pid")}\n/proc/${process.pid}\n`);
    expect((await host.mdocker(["stop", "reaper"])).code).toBe(0);
    expect((await run.ended).code).toBe(7);
    await expectNothingLeft(host.fresh);
  });

  test("uts: the host's name; ipc: its /dev/shm; inspect tells", async () => {
    const run = await background(host, "open", `hostname; ${waiting}`, [
      "--uts",
      "host",
      "--ipc",
      "host",
      "--cgroupns",
      "host",
    ]);
    expect(run.output()).toContain(hostname());
    await expectVerified("open");
    const { id } = await recordOf(host, "open");
    const spec = JSON.parse(readFileSync(`${host.place.root}/containers/${id}/config.json`, "utf8"));
    expect(spec.annotations).toMatchObject({
      "mdocker.ipc": "host",
      "mdocker.uts": "host",
      "mdocker.cgroup": "host",
    });
    await kill("open", run);
  });
});

describe("another container's", () => {
  test("pid, ipc and uts are one, to verify too; they go as docker's do", async () => {
    const first = await background(host, "first", `echo said > /dev/shm/note; ${waiting}`, [
      ...["--ipc", "shareable", "--hostname", "shared"],
    ]);
    const joins = ["--pid", "container:first", "--ipc", "container:first", "--uts", "container:first"];
    const script = `hostname; cat /dev/shm/note; ps -o comm= -p 1; echo back > /dev/shm/answer; ${waiting}`;
    const second = await background(host, "second", script, joins);
    expect(second.output()).toBe("shared\nsaid\nmdocker-init\nready\n");
    const { stdout } = await host.mdocker([
      "exec",
      "first",
      "/bin/sh",
      "-c",
      "cat /dev/shm/answer; for n in pid ipc uts mnt; do readlink /proc/self/ns/$n; done",
    ]);
    const other = await host.mdocker([
      "exec",
      "second",
      "/bin/sh",
      "-c",
      "for n in pid ipc uts mnt; do readlink /proc/self/ns/$n; done",
    ]);
    const [answer, ...theirs] = stdout.trimEnd().split("\n");
    const ours = other.stdout.trimEnd().split("\n");
    expect(answer).toBe("back");
    expect(ours.slice(0, 3)).toEqual(theirs.slice(0, 3));
    expect(ours[3]).not.toBe(theirs[3]);
    await expectVerified("first");
    await expectVerified("second");
    // With the owner of the pid namespace every process in it ends.
    await kill("first", first);
    expect((await second.ended).code).toBe(137);
    await expectNothingLeft(host.fresh);
  });

  test("who joined ends alone, with all it started", async () => {
    const first = await background(host, "owner", waiting, []);
    const second = await background(host, "guest", `setsid sleep 1000 & ${waiting}`, [
      "--pid",
      "container:owner",
    ]);
    await kill("guest", second);
    const left = await host.mdocker(["exec", "owner", "/bin/sh", "-c", "ps -e -o comm= | grep -c sleep"]);
    expect(left.stdout).toBe("1\n");
    await kill("owner", first);
    await expectNothingLeft(host.fresh);
  });

  test("is refused in one line when it is not there, does not run or does not share", async () => {
    const first = await background(host, "closed", waiting, ["--keep"]);
    const refused = async (flags: readonly string[]): Promise<unknown> => {
      const { code, stderr } = await sh(flags, "true");
      return { code, stderr };
    };
    expect(await refused(["--ipc", "container:closed"])).toEqual({
      code: 1,
      stderr:
        "mdocker: --ipc container:closed: that container's IPC is private: start it with --ipc shareable to let others in\n",
    });
    await kill("closed", first);
    expect(await refused(["--pid", "container:closed"])).toEqual({
      code: 1,
      stderr: "mdocker: --pid container:closed: container closed is not running: start it first\n",
    });
    expect(await refused(["--uts", "container:nobody"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no such container: nobody"),
    });
    expect((await host.mdocker(["rm", "closed"])).code).toBe(0);
  });
});

describe("of its own, but not as usual", () => {
  test("--ipc none has no /dev/shm, --shm-size another one", async () => {
    expect((await sh(["--ipc", "none"], "test -e /dev/shm || echo none")).stdout).toBe("none\n");
    expect((await sh(["--shm-size", "3m"], "df --output=size /dev/shm | tail -1")).stdout.trim()).toBe(
      "3072",
    );
  });

  test("--time-offset moves the clocks of the container and of exec, not of the host", async () => {
    const run = await background(host, "later", waiting, ["--time-offset", "boottime=+10d,monotonic=1h"]);
    const { stdout } = await host.mdocker(["exec", "later", "/bin/cat", "/proc/uptime"]);
    const [inside = 0, outside = 0] = [stdout, readFileSync("/proc/uptime", "utf8")].map((text) =>
      Number(text.split(" ")[0]),
    );
    expect(Math.abs(inside - outside - 864_000)).toBeLessThan(3600);
    await expectVerified("later");
    await kill("later", run);
    const { code, stderr } = await sh(["--time-offset", "boottime=-20000d"], "true");
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--time-offset: ERANGE"),
    });
  });
});
