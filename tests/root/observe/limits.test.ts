// @vm
import { expect, test } from "vitest";
import { weightOfShares } from "../../../cgroup/cpu.ts";
import { detectCgroups } from "../../../cgroup/host.ts";
import { updateCgroup } from "../../../cgroup/update.ts";
import type { LimitsReport } from "../../../src/container/limits.ts";
import { sharedHost } from "../../harness/shared-host.ts";

const { host } = sharedHost();

async function reportOf(name: string): Promise<LimitsReport> {
  const { code, stdout, stderr } = await host().mdocker(["limits", "--json", name]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as LimitsReport;
}

/** Fills some memory, asks for more processes than it may have, then wants all of a CPU. */
const greedy = `
  head -c 20000000 /dev/zero > /dev/shm/x
  (for i in 1 2 3 4 5 6 7 8 9; do sleep 0.3 & done) 2> /dev/null
  sleep 0.5
  echo ready
  while :; do :; done`;

test("each limit, how much of it is used, and how often it was hit", async () => {
  const run = host().start([
    ...["run", "--name", "greedy", "--net", "none", "-m", "64m", "--pids-limit", "6", "--cpus", "0.2"],
    ...["--cpu-shares", "512", "--cpuset-cpus", "0", "/bin/bash", "-c", greedy],
  ]);
  await run.says(/ready/);
  const throttled = (report: LimitsReport): number =>
    report.limits.find(({ name }) => name === "CPU time")?.hits[0]?.count ?? 0;
  await expect.poll(async () => throttled(await reportOf("greedy"))).toBeGreaterThan(0);
  const { limits, pressure, driver } = await reportOf("greedy");
  const of = (option: string) => limits.find((limit) => limit.option === option);
  expect(of("--memory")).toMatchObject({ unit: "bytes", limit: 64 << 20 });
  expect(of("--memory")?.used).toBeGreaterThan(20_000_000);
  expect(of("--memory")?.used).toBeLessThan(64 << 20);
  expect(of("--pids-limit")).toMatchObject({ limit: 6, hits: [{ what: "forks refused" }] });
  expect(of("--pids-limit")?.hits[0]?.count).toBeGreaterThan(0);
  expect(of("--cpus")).toMatchObject({ unit: "CPUs", limit: 0.2 });
  expect(of("--cpus")?.used).toBeGreaterThan(0);
  expect(of("--cpuset-cpus")).toMatchObject({ limit: "0" });
  expect(of("--cpu-shares")).toMatchObject({ limit: driver === "v1" ? 512 : Number(weightOfShares(512)) });
  expect(pressure === undefined).toBe(driver === "v1");

  const { stdout } = await host().mdocker(["limits", "greedy"]);
  expect(stdout).toMatch(/^memory +64MiB +\d\d(\.\d+)?MiB +\S+ +\d\d% .* --memory +memory\./m);
  expect(stdout).toMatch(/^processes +6 +\d .* \d+ forks refused +--pids-limit +pids\.max$/m);
  expect(stdout).toMatch(/^CPU time +0\.2 .* \d+ periods cut short +--cpus +cpu\./m);
  expect(stdout).toMatch(
    driver === "v1" ? /cgroup v1 does not tell it/ : /^CPU +some process +\d+\.\d\d% +\d/m,
  );

  // What update changes is what is shown.
  expect(await host().mdocker(["update", "--memory", "96m", "greedy"])).toMatchObject({ code: 0 });
  const changed = (await reportOf("greedy")).limits.find(({ option }) => option === "--memory");
  expect(changed).toMatchObject({ limit: 96 << 20 });
  expect(await host().mdocker(["kill", "greedy"])).toMatchObject({ code: 0 });
  await run.ended;
});

const isV2 = detectCgroups().driver === "v2";
const sleeper = ["/bin/sh", "-c", "echo ready; while :; do sleep 0.1; done"];

if (isV2)
  test("what only version 2 has: set, shown, verified and changed", async () => {
    const flags = ["-m", "64m", "--memory-high", "48m", "--memory-min", "1m", "--oom-group"];
    const run = host().start(["run", "--name", "two", "--net", "none", ...flags, ...sleeper]);
    await run.says(/ready/);
    const found = async (option: string) =>
      (await reportOf("two")).limits.find((limit) => limit.option === option);
    expect(await found("--memory-high")).toMatchObject({
      limit: 48 << 20,
      hits: [{ what: "times slowed down" }],
    });
    expect(await found("--memory-min")).toMatchObject({ limit: 1 << 20 });
    expect(await found("--oom-group")).toMatchObject({ limit: "all or none" });
    expect(await host().mdocker(["verify", "two"])).toMatchObject({ code: 0 });
    const changes = ["--memory-high", "32m", "--memory-min", "0", "--oom-group=false"];
    expect(await host().mdocker(["update", ...changes, "two"])).toMatchObject({ code: 0, stderr: "" });
    expect(await found("--memory-high")).toMatchObject({ limit: 32 << 20 });
    expect(await found("--memory-min")).toBeUndefined();
    expect(await found("--oom-group")).toBeUndefined();
    // The limits are judged together with those that it has.
    expect(await host().mdocker(["update", "--memory-reservation", "40m", "two"])).toEqual({
      ...{ code: 1, stdout: "" },
      stderr: `mdocker: --memory-high: ${32 << 20}: expected at least --memory-reservation ${40 << 20}\n`,
    });
    expect(await host().mdocker(["update", "--memory-high", "max", "two"])).toMatchObject({ code: 0 });
    expect(await found("--memory-high")).toBeUndefined();
    expect(await host().mdocker(["kill", "two"])).toMatchObject({ code: 0 });
    await run.ended;
    expect(
      await host().mdocker(["run", "--net", "none", "--memory-swappiness", "10", "/bin/true"]),
    ).toMatchObject({
      ...{
        code: 2,
        stderr: expect.stringMatching(/^mdocker: cannot enforce --memory-swappiness: cgroup v2 has none/),
      },
    });
    const absent = ["run", "--net", "none", "--cgroup-conf", "memory.nothing=1", "/bin/true"];
    expect(await host().mdocker(absent)).toMatchObject({
      ...{
        code: 2,
        stderr: expect.stringMatching(/^mdocker: cannot enforce --cgroup-conf memory.nothing: this kernel/),
      },
    });
  });

if (!isV2)
  test("swappiness, which only version 1 has, and what it has not", async () => {
    const flags = ["--memory-swappiness", "7"];
    const run = host().start(["run", "--name", "one", "--net", "none", ...flags, ...sleeper]);
    await run.says(/ready/);
    const found = async () =>
      (await reportOf("one")).limits.find(({ option }) => option === "--memory-swappiness");
    expect(await found()).toMatchObject({ limit: 7 });
    expect(await host().mdocker(["update", "--memory-swappiness", "8", "one"])).toMatchObject({ code: 0 });
    expect(await found()).toMatchObject({ limit: 8 });
    const why = "this host has its controllers on cgroup v1";
    expect(await host().mdocker(["update", "--memory-high", "32m", "one"])).toMatchObject({
      ...{ code: 2, stderr: `mdocker: cannot enforce --memory-high: ${why}\n` },
    });
    expect(await host().mdocker(["kill", "one"])).toMatchObject({ code: 0 });
    await run.ended;
  });

test("less memory than is in use, and cannot be taken back, is refused: nobody is killed for an update", async () => {
  const run = host().start([
    ...["run", "--name", "full", "--net", "none", "-m", "64m", "--memory-swap", "64m", "/bin/sh", "-c"],
    "head -c 20000000 /dev/zero > /dev/shm/x; echo ready; while :; do sleep 0.1; done",
  ]);
  await run.says(/ready/);
  const { code, stderr } = await host().mdocker(["update", "-m", "8m", "--memory-swap", "8m", "full"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^mdocker: cannot enforce --memory: .*(cannot|can) be taken back.*\n$/);
  const memory = (await reportOf("full")).limits.find(({ option }) => option === "--memory");
  expect(memory?.limit).toBe(64 << 20);
  expect(memory?.hits).toContainEqual({ what: "processes killed", count: 0 });
  // More than that is a limit like any other.
  expect(await host().mdocker(["update", "-m", "48m", "--memory-swap", "48m", "full"])).toMatchObject({
    ...{ code: 0, stderr: "" },
  });
  expect(await host().mdocker(["kill", "full"])).toMatchObject({ code: 0 });
  await run.ended;
});

if (isV2)
  test("a container that grows all the time is neither killed nor left standing by updates that are refused", async () => {
    const line = `head -c 12000000 /dev/zero > /dev/shm/x; echo ready
      while :; do printf -v x '%12000000s' ''; x=; echo; done`;
    const run = host().start([
      ...[
        "run",
        "--name",
        "grows",
        "--net",
        "none",
        "-m",
        "96m",
        "--memory-swap",
        "96m",
        "/bin/bash",
        "-c",
        line,
      ],
    ]);
    await run.says(/ready/);
    const { stdout } = await host().mdocker(["inspect", "-f", "{{.cgroup}}", "grows"]);
    const [v2, cgroup] = [detectCgroups(), stdout.trim()];
    for (let round = 0; round < 30; round++) {
      const memory = { limit: 8 << 20, swap: 8 << 20 };
      expect(() => updateCgroup(v2, cgroup, { memory })).toThrow(/cannot enforce --memory/);
    }
    const { length } = run.output();
    await expect.poll(() => run.output().length).toBeGreaterThan(length);
    const memory = (await reportOf("grows")).limits.find(({ option }) => option === "--memory");
    expect(memory).toMatchObject({
      limit: 96 << 20,
      hits: expect.arrayContaining([{ what: "processes killed", count: 0 }]),
    });
    // One that is paused stays so.
    expect(await host().mdocker(["pause", "grows"])).toMatchObject({ code: 0 });
    expect(await host().mdocker(["update", "-m", "80m", "--memory-swap", "80m", "grows"])).toMatchObject({
      ...{ code: 0, stderr: "" },
    });
    expect(await host().mdocker(["unpause", "grows"])).toMatchObject({ code: 0, stderr: "" });
    expect(await host().mdocker(["kill", "grows"])).toMatchObject({ code: 0 });
    await run.ended;
  });

test("what this host cannot enforce is refused of one that does not run, too", async () => {
  const keep = ["run", "--keep", "--name", "still", "--net", "none", "/bin/true"];
  expect(await host().mdocker(keep)).toMatchObject({ code: 0 });
  const flag = isV2 ? ["--memory-swappiness", "7"] : ["--memory-high", "32m"];
  expect(await host().mdocker(["update", ...flag, "still"])).toMatchObject({
    ...{ code: 2, stderr: expect.stringMatching(new RegExp(`^mdocker: cannot enforce ${flag[0]}: `)) },
  });
  expect(await host().mdocker(["update", "--memory", "32m", "still"])).toMatchObject({ code: 0, stderr: "" });
  const { stdout } = await host().mdocker(["inspect", "-f", "{{json .resources.memory}}", "still"]);
  expect(stdout).toBe(`{"limit":${32 << 20}}\n`);
  expect(await host().mdocker(["rm", "still"])).toMatchObject({ code: 0 });
});

test("of what has ended, or is not there, one line tells", async () => {
  expect(
    await host().mdocker(["run", "--keep", "--name", "over", "--net", "none", "/bin/true"]),
  ).toMatchObject({
    code: 0,
  });
  expect(await host().mdocker(["limits", "over"])).toMatchObject({
    code: 1,
    stderr: "mdocker: container over is not running: limits are in force while it runs\n",
  });
  expect(await host().mdocker(["limits", "nobody"])).toMatchObject({
    code: 1,
    stderr: "mdocker: no such container: nobody\n",
  });
  expect(await host().mdocker(["rm", "over"])).toMatchObject({ code: 0 });
});
