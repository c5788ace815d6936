// @vm
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { performCgroup } from "../../cgroup/action.ts";
import { CannotEnforceError } from "../../cgroup/cannot-enforce.ts";
import { describeHost } from "../../cgroup/describe.ts";
import { cgroupDirectory, joinFiles, watchFiles } from "../../cgroup/files.ts";
import { freeze, isFrozen, thaw } from "../../cgroup/freeze.ts";
import { detectCgroups } from "../../cgroup/host.ts";
import { killAll } from "../../cgroup/kill.ts";
import { listCgroups } from "../../cgroup/list.ts";
import { cgroupMounts } from "../../cgroup/mounts.ts";
import { parseOom } from "../../cgroup/oom.ts";
import { hierarchies, homeDirectory } from "../../cgroup/place.ts";
import { planCgroup } from "../../cgroup/plan.ts";
import { listProcesses, readFileIfAny } from "../../cgroup/processes.ts";
import { removeCgroup } from "../../cgroup/remove.ts";
import { readStats, readUsage } from "../../cgroup/stats.ts";
import { updateCgroup } from "../../cgroup/update.ts";
import { writeValues } from "../../cgroup/write-values.ts";
import { SetupError } from "../../src/core/errors.ts";
import type { OciResources } from "../../src/core/oci.ts";
import { deviceRules } from "../../src/security/devices.ts";
import { type Running, startCommand } from "../harness/command.ts";

// The same suite for both drivers: whichever this host has.

const host = detectCgroups();
const prefix = `mdt${process.pid % 100000}`;
const path = `${prefix}/c1`;
const MiB = 1024 * 1024;
const env = { PATH: process.env["PATH"] };

/** Everything of ours in any hierarchy. */
function ours(): string[] {
  return hierarchies(host).flatMap((mountPoint) =>
    readdirSync(mountPoint)
      .filter((name) => name.startsWith(prefix))
      .map((name) => join(mountPoint, name)),
  );
}

function create(resources: OciResources, at = path): void {
  for (const action of planCgroup(host, at, resources)) performCgroup(action);
}

/** Runs `script` (sh) in the cgroup: the shell puts itself into it before it does anything else. */
function startIn(resources: OciResources, script: string): Running {
  const directory = cgroupDirectory(host, path);
  const files =
    directory === undefined ? joinFiles(host, path, resources) : [join(directory, "cgroup.procs")];
  const join_ = files.map((file) => `echo 0 > ${file}`).join("\n");
  return startCommand(["sh", "-ec", `${join_}\necho joined\nset +e\n${script}`], { env });
}

/** Creates the cgroup and runs `script` in it. */
async function run(resources: OciResources, script: string): Promise<Running> {
  create(resources);
  const running = startIn(resources, script);
  await running.says(/^joined$/m);
  return running;
}

/** The kernel tells nobody of its counters: looks until `done`. */
async function until(what: string, done: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within 30 s`);
    await pause(5);
  }
}

const usage = (): number => readStats(host, path).cpu?.usage ?? 0;
const throttled = (): number => readStats(host, path).cpu?.throttling?.throttled ?? 0;
const oomKills = (): number =>
  parseOom(
    watchFiles(host, path)
      .map((file) => readFileIfAny(file) ?? "")
      .join(""),
  );

const spin = "while :; do :; done";
const forkForEver = "while :; do (:) & (:) & wait; done";

beforeEach(() => {
  expect(ours()).toEqual([]);
});

afterEach(() => {
  for (const left of listCgroups(host, prefix)) removeCgroup(host, left);
  expect(ours()).toEqual([]);
});

describe("limits", () => {
  test("memory: the process that takes too much is killed, and the end is known as such", async () => {
    const resources = { memory: { limit: 24 * MiB } };
    // Nobody else is there whom the kernel could choose: with a pipe it has been the shell, once in many times.
    const running = await run(resources, "exec tail /dev/zero");
    expect(await running.ended).toMatchObject({ code: 137 });
    expect(oomKills()).toBe(1);
    expect(readStats(host, path).memory).toMatchObject({ limit: 24 * MiB, oomKills: 1 });
    expect(readStats(host, path).memory?.limitHits).toBeGreaterThan(0);
  });

  test("a short look tells the same of what is used as a long one", async () => {
    await run({ memory: { limit: 24 * MiB }, pids: { limit: 9 }, cpu: { quota: 50000 } }, "exec sleep 100");
    const [short, long] = [readUsage(host, path), readStats(host, path)];
    expect(short.memory).toMatchObject({ limit: 24 * MiB });
    expect(short.pids).toEqual({ current: 1, limit: 9 });
    expect(short.cpu?.throttling?.throttled).toBe(0);
    expect(Object.keys(short.memory?.counters ?? {}).length).toBeGreaterThan(10);
    expect(long).toMatchObject({
      memory: { limit: 24 * MiB, limitHits: 0 },
      pids: { limit: 9, limitHits: 0 },
    });
    expect(long.cpu?.usage).toBeGreaterThanOrEqual(short.cpu?.usage ?? 0);
    if (host.driver === "v2") expect(long.memory?.events).toMatchObject({ oom_kill: 0, high: 0 });
    expect(readUsage(host, `${prefix}/none`)).toEqual({
      cpu: undefined,
      memory: undefined,
      pids: undefined,
      block: undefined,
    });
  });

  test("memory: an end for another reason is none by lack of memory", async () => {
    const running = await run({ memory: { limit: 24 * MiB } }, "kill -9 $$");
    expect((await running.ended).code).toBe(137);
    expect(oomKills()).toBe(0);
  });

  test("memory: the smallest limit there is, one page, is enforced too", async () => {
    create({ memory: { limit: 4096 } });
    const { code, stdout } = await startIn({}, "head -c 100000 /dev/zero | tail | wc -c").ended;
    expect(code).toBe(137);
    expect(stdout).not.toContain("100000");
    expect(oomKills()).toBeGreaterThan(0);
  });

  test("pids: a fork too many is refused and counted", async () => {
    const resources = { pids: { limit: 3 } };
    const running = await run(resources, "for i in 1 2 3 4; do sleep 100 & done; echo forked");
    await running.says(/cannot fork|forked/i);
    expect(running.output()).not.toContain("forked");
    expect(readStats(host, path).pids).toMatchObject({ limit: 3, limitHits: 1 });
  });

  test("cpu: a quota makes it wait", async () => {
    await run({ cpu: { quota: 5000, period: 100000, shares: 512 } }, spin);
    await until("throttled", () => throttled() > 0);
  });

  test("cpuset: it runs where it may", async () => {
    const running = await run(
      { cpu: { cpus: "0", mems: "0" } },
      "grep -E '^(Cpus|Mems)_allowed_list' /proc/self/status",
    );
    expect((await running.ended).stdout).toMatch(/Cpus_allowed_list:\t0\nMems_allowed_list:\t0\n/);
  });

  test("devices: those of every container, and no other", async () => {
    const script = `
      echo x > /dev/null && head -c 1 /dev/zero > /dev/null && echo usual allowed
      mknod /dev/shm/${prefix} c 1 1 2>&1 || echo mknod refused
      head -c 0 /dev/kmsg || echo kmsg refused`;
    const running = await run({ devices: deviceRules(false) }, script);
    const { stdout } = await running.ended;
    expect(stdout).toContain("usual allowed\n");
    expect(stdout).toContain("Operation not permitted\nmknod refused\n");
    expect(stdout).toContain("kmsg refused\n");
    // The very same outside: it is the cgroup that refuses.
    const outside = await startCommand(["sh", "-c", "head -c 0 /dev/kmsg && echo open"], { env }).ended;
    expect(outside.stdout).toBe("open\n");
  });

  test("block devices: rates and weights reach the kernel", async () => {
    const [major = 0, minor = 0] = disk();
    create({
      blockIO: {
        throttleReadBpsDevice: [{ major, minor, rate: MiB }],
        throttleWriteIOPSDevice: [{ major, minor, rate: 100 }],
        weight: 300,
      },
    });
    if (host.driver === "v2") {
      const text = readFileIfAny(join(host.root, path, "io.max"));
      expect(text).toBe(`${major}:${minor} rbps=${MiB} wbps=max riops=max wiops=100\n`);
    } else {
      const directory = join(host.controllers.get("blkio") ?? "", path);
      const read = readFileIfAny(join(directory, "blkio.throttle.read_bps_device"));
      expect(read).toBe(`${major}:${minor} ${MiB}\n`);
    }
  });
});

/** Numbers of some whole disk. */
function disk(): number[] {
  for (const name of readdirSync("/sys/block")) {
    // Not one without a size: those are unused.
    if (Number(readFileIfAny(`/sys/block/${name}/size`)) > 0) {
      return (readFileIfAny(`/sys/block/${name}/dev`) ?? "").split(":").map(Number);
    }
  }
  throw new Error("this host has no disk");
}

describe("what cannot be enforced is an error", () => {
  const wrong: readonly (readonly [string, OciResources])[] = [
    ["--cpuset-cpus", { cpu: { cpus: "4095" } }],
    ["--device-read-bps", { blockIO: { throttleReadBpsDevice: [{ major: 4000, minor: 1, rate: 1 }] } }],
    ["--cgroup-conf memory.nothing", { unified: { "memory.nothing": "1" } }],
  ];
  test.each(wrong)("%s", (option, resources) => {
    let thrown: unknown;
    try {
      create(resources);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(CannotEnforceError);
    expect(thrown).toMatchObject({ limit: option, exitCode: 2 });
    expect(String(thrown)).toContain(`cannot enforce ${option}: `);
  });

  test("the description names the driver and its reasons", () => {
    const { driver, controllers, shortcomings } = describeHost(host);
    expect(driver).toBe(host.driver);
    expect(controllers.map(({ name }) => name)).toContain("memory");
    for (const { what, why } of shortcomings) expect([what, why]).not.toContain("");
    expect(shortcomings.map(({ what }) => what)).not.toContain("device rules");
  });
});

describe("what a container sees", () => {
  test("its own cgroup as the root, read-only", async () => {
    const resources = { memory: { limit: 48 * MiB }, pids: { limit: 77 } };
    const mounts = cgroupMounts(host, resources).flatMap(({ destination, type, source, options }) => [
      `mkdir -p ${destination}`,
      `mount -t ${type} -o ${options?.join(",")} ${source} ${destination}`,
    ]);
    const script = `exec unshare --mount --cgroup sh -ec '
      mount -t tmpfs fresh /sys/fs
      ${mounts.join("\n")}
      cd /sys/fs/cgroup
      cat $(find . -name memory.max -o -name memory.limit_in_bytes) $(find . -name pids.max)
      touch new || echo no file; mkdir new || echo no directory
      for procs in $(find . -name cgroup.procs); do mkdir $(dirname $procs)/new || echo no cgroup; done'`;
    create(resources);
    const { code, stdout, stderr } = await startIn(resources, script).ended;
    const refusals = host.driver === "v2" ? 1 : mounts.length / 2 - 2;
    expect([stdout, stderr, code]).toEqual([
      `joined\n${48 * MiB}\n77\nno file\nno directory\n${"no cgroup\n".repeat(refusals)}`,
      expect.stringContaining("Read-only file system"),
      0,
    ]);
  });
});

describe("counts", () => {
  test("time, memory and processes", async () => {
    const running = await run(
      { pids: { limit: 50 }, memory: { limit: 64 * MiB } },
      "sleep 100 & echo ready; wait",
    );
    await running.says(/ready/);
    const { cpu, memory, pids } = readStats(host, path);
    expect(cpu?.usage).toBeGreaterThan(0);
    expect(memory?.current).toBeGreaterThan(0);
    expect(memory?.limit).toBe(64 * MiB);
    expect(pids).toEqual({ current: 2, limit: 50, limitHits: 0 });
    expect(listProcesses(host, path)).toHaveLength(2);
    expect(listProcesses(host, path)).toContain(running.pid);
  });

  test("of a cgroup that is gone there is nothing", () => {
    expect(readStats(host, path)).toEqual({
      cpu: undefined,
      memory: undefined,
      pids: undefined,
      block: undefined,
    });
    expect(listProcesses(host, path)).toEqual([]);
  });
});

describe("pausing", () => {
  test.each([
    ["one that computes", spin],
    ["one that forks without end", forkForEver],
  ])("%s stands still and goes on", async (_, script) => {
    await run({}, script);
    const before = usage();
    await until("running", () => usage() > before);
    freeze(host, path);
    expect(isFrozen(host, path)).toBe(true);
    const [still, processes] = [usage(), listProcesses(host, path)];
    // Time enough to run, for whoever could.
    await pause(100);
    expect(usage()).toBe(still);
    expect(listProcesses(host, path)).toEqual(processes);
    freeze(host, path);
    thaw(host, path);
    expect(isFrozen(host, path)).toBe(false);
    await until("running again", () => usage() > still);
    // And a second time: on v1 the new ones have to be found again.
    freeze(host, path);
    expect(isFrozen(host, path)).toBe(true);
  });

  test("what is not there cannot be paused, and need not be resumed", () => {
    expect(isFrozen(host, path)).toBe(false);
    thaw(host, path);
    expect(() => freeze(host, path)).toThrow(SetupError);
    expect(ours()).toEqual([]);
  });
});

describe("updating", () => {
  test("limits change under a running process, up and down, also those it did not have", async () => {
    await run({ memory: { limit: 32 * MiB, swap: 32 * MiB } }, spin);
    updateCgroup(host, path, { memory: { limit: 128 * MiB, swap: 256 * MiB } });
    expect(readStats(host, path).memory?.limit).toBe(128 * MiB);
    updateCgroup(host, path, { memory: { limit: 64 * MiB, swap: 64 * MiB } });
    expect(readStats(host, path).memory?.limit).toBe(64 * MiB);
    updateCgroup(host, path, { memory: { limit: -1, swap: -1 } });
    expect(readStats(host, path).memory?.limit).toBeUndefined();
    updateCgroup(host, path, { pids: { limit: 7 }, cpu: { quota: 5000, period: 100000, cpus: "0" } });
    expect(readStats(host, path).pids?.limit).toBe(7);
    await until("throttled", () => throttled() > 0);
    const allowed = /Cpus_allowed_list:\t(.*)/.exec(
      readFileIfAny(`/proc/${listProcesses(host, path)[0]}/status`) ?? "",
    );
    expect(allowed?.[1]).toBe("0");
    updateCgroup(host, path, { pids: { limit: -1 } });
    expect(readStats(host, path).pids?.limit).toBeUndefined();
  });

  test("without a container there is nothing to update", () => {
    expect(() => updateCgroup(host, path, { pids: { limit: 7 } })).toThrow(SetupError);
  });
});

describe("making and removing", () => {
  test("may be done twice", () => {
    removeCgroup(host, path);
    create({});
    removeCgroup(host, path);
    removeCgroup(host, path);
    expect(ours()).toEqual([]);
  });

  test("one that was left behind is made anew, one in use is not", async () => {
    create({ memory: { limit: 32 * MiB } });
    create({});
    expect(readStats(host, path).memory?.limit).toBeUndefined();
    const running = startIn({}, spin);
    await running.says(/joined/);
    expect(() => create({})).toThrow(/exists already and is in use/);
    expect(listProcesses(host, path)).toEqual([running.pid]);
  });

  test("what runs in it is ended: many, forking, in cgroups below, paused", async () => {
    const forking = await run({ pids: { limit: 500 } }, forkForEver);
    const below = join(homeDirectory(host, path), "below", "deeper");
    mkdirSync(below, { recursive: true });
    const nested = startCommand(["sh", "-c", `echo 0 > ${below}/cgroup.procs; echo in; exec sleep 100`], {
      env,
    });
    await nested.says(/in/);
    freeze(host, path);
    const neighbour = `${prefix}/c2`;
    create({}, neighbour);
    removeCgroup(host, path);
    expect((await forking.ended).code).toBe(137);
    expect((await nested.ended).code).toBe(137);
    expect(listCgroups(host, prefix)).toEqual([neighbour]);
  });

  test("only what is in it is ended", async () => {
    const inside = await run({}, spin);
    const other = startCommand(["sh", "-c", "echo up; read x; echo alive"], { env });
    await other.says(/up/);
    killAll(host, path);
    expect((await inside.ended).code).toBe(137);
    other.child.stdin.end("\n");
    expect((await other.ended).stdout).toBe("up\nalive\n");
  });

  test("while others come and go, the cgroup above may vanish at any time", async () => {
    const parents = hierarchies(host).map((mountPoint) => join(mountPoint, prefix));
    const remover = startCommand(
      ["sh", "-c", `echo up; while :; do rmdir ${parents.join(" ")}; done 2>/dev/null`],
      {
        env,
      },
    );
    await remover.says(/up/);
    try {
      for (let round = 0; round < 200; round += 1) {
        create({ memory: { limit: 32 * MiB }, cpu: { cpus: "0" }, pids: { limit: 5 } });
        expect(readStats(host, path).pids?.limit).toBe(5);
        removeCgroup(host, path);
      }
    } finally {
      remover.child.kill("SIGKILL");
      await remover.ended;
    }
  });

  test("what each driver alone must see to", async () => {
    if (host.driver === "v1") {
      // A cpuset is born empty; a process cannot be put into one.
      create({ cpu: { mems: "0" } });
      const root = host.controllers.get("cpuset") ?? "";
      expect(readFileIfAny(join(root, path, "cpuset.cpus"))).toBe(readFileIfAny(join(root, "cpuset.cpus")));
      return;
    }
    // Controllers go down only from a cgroup without processes: not ours to move, so an error that says so.
    const parent = join(host.root, prefix);
    mkdirSync(parent);
    const sitting = startCommand(["sh", "-c", `echo 0 > ${parent}/cgroup.procs; echo in; exec sleep 100`], {
      env,
    });
    await sitting.says(/in/);
    expect(() => create({})).toThrow(`processes live in ${parent} itself`);
    sitting.child.kill("SIGKILL");
    await sitting.ended;
  });
});

test("what is not a container's cgroup is never touched, and no file is made", () => {
  const [mountPoint = ""] = hierarchies(host);
  for (const wrong of ["..", "", prefix, `${prefix}/..`]) {
    for (const act of [removeCgroup, killAll, freeze, thaw, listProcesses]) {
      expect(() => act(host, wrong)).toThrow("not the path of a container's cgroup");
    }
  }
  expect(() => writeValues(join(mountPoint, "no.such.file"), ["1"])).toThrow("ENOENT");
});
