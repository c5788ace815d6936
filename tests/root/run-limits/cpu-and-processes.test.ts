// @vm
import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { weightOfShares } from "../../../cgroup/cpu.ts";
import { detectCgroups } from "../../../cgroup/host.ts";
import { readStats } from "../../../cgroup/stats.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { inspect, startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { limitValue } from "../../harness/limit-value.ts";
import { allowedProcessors } from "../../harness/machine.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

/** Runs `act` on a throw-away host with the default image. */
async function onHost(act: (host: TestHost) => Promise<void>, script?: string): Promise<void> {
  await withTestHost(act, { image: await sharedLabImage(), script });
}

const none = ["--net", "none"];

async function expectRefused(
  host: TestHost,
  flags: readonly string[],
  code: number,
  line: RegExp,
): Promise<void> {
  const result = await host.mdocker(["run", ...none, ...flags, "/bin/true"]);
  expect(result.stderr).toMatch(/^mdocker: [^\n]+\n$/);
  expect(result.stderr).toMatch(line);
  expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
  await expectNothingLeft(host.fresh, "gone");
}

/** Where the kernel has a budget of real-time CPU time for each cgroup. */
const cpuMount = ((host) => (host.driver === "v1" ? host.controllers.get("cpu") : undefined))(
  detectCgroups(),
);
const hasBudgets = cpuMount !== undefined && existsSync(`${cpuMount}/cpu.rt_runtime_us`);

describe("real-time CPU time", () => {
  const realTime = ["--cap-add", "SYS_NICE", "/bin/sh", "-c"];
  const script = "exec 2>&1; chrt -f 3 true && echo may";

  if (hasBudgets)
    test("is what --cpu-rt-runtime gives; a cgroup has none without it", async () => {
      await onHost(async (host) => {
        const without = await host.mdocker(["run", ...none, "--cpus", "1", ...realTime, script]);
        expect(without).toMatchObject({
          code: 1,
          stdout: expect.stringContaining("Operation not permitted"),
        });
        const budget = ["--cpu-rt-runtime", "9000", "--cpu-rt-period", "500000"];
        const given = await host.mdocker(["run", ...none, ...budget, ...realTime, script]);
        expect(given).toMatchObject({ code: 0, stdout: expect.stringMatching(/^may/) });
        await expectNothingLeft(host.fresh, "gone");

        // Two of one instance share what the cgroup above them has: it grows with them.
        const one = await startIdle(host, "one", [...none, ...budget]);
        const two = await startIdle(host, "two", none);
        const files = { v1: "cpu.rt_runtime_us", v2: "" };
        const update = await host.mdocker(["update", "--cpu-rt-runtime", "20000", "two"]);
        expect(update).toMatchObject({ code: 0, stderr: "" });
        expect((await host.mdocker(["limits", "two"])).stdout).toMatch(
          /^real-time CPU +20000 of 1000000 us .*--cpu-rt-runtime/m,
        );
        expect(await limitValue(host, "one", "cpu", files)).toBe("9000");
        await one.end();
        await two.end();
        await expectNothingLeft(host.fresh, "gone");
        // More than the host has to give.
        await expectRefused(
          host,
          ["--cpu-rt-runtime", "1000000"],
          2,
          /--cpu-rt-runtime: .* not that much real-time/,
        );
      });
    });

  if (!hasBudgets)
    test("is refused in one line where no cgroup can have a budget of it", async () => {
      await onHost((host) =>
        expectRefused(host, ["--cpu-rt-runtime", "1000"], 2, /cannot enforce --cpu-rt-runtime: /),
      );
    });
});

describe("CPUs", () => {
  test("--cpus: who wants more has to wait", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", [...none, "--cpus", "0.2"]);
      const { cgroup } = await inspect(host, "one");
      const throttling = () => readStats(detectCgroups(), cgroup).cpu?.throttling;
      const before = throttling()?.throttled ?? 0;
      await one.sh("while :; do :; done & spinning=$!");
      const deadline = Date.now() + 30_000;
      // The kernel tells nobody of its counters.
      while ((throttling()?.throttled ?? 0) < before + 3) {
        if (Date.now() > deadline) throw new Error(`never throttled: ${JSON.stringify(throttling())}`);
        await pause(10);
      }
      expect(throttling()?.time).toBeGreaterThan(0);
      await one.sh("kill $spinning");
      await one.end();
    });
  });

  test("--cpus and --cpu-shares are what the kernel has", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", [...none, "--cpu-shares", "512", "--cpus", "0.75"]);
      // v2 has weights from 1 to 10000.
      expect(await limitValue(host, "one", "cpu", { v1: "cpu.shares", v2: "cpu.weight" })).toBe(
        detectCgroups().driver === "v1" ? "512" : String(weightOfShares(512)),
      );
      expect(["75000", "75000 100000"]).toContain(
        await limitValue(host, "one", "cpu", { v1: "cpu.cfs_quota_us", v2: "cpu.max" }),
      );
      await one.end();
    });
  });

  test("--cpuset-cpus: it runs there and nowhere else", async () => {
    const [first = 0] = allowedProcessors();
    await onHost(async (host) => {
      const { code, stdout, stderr } = await host.mdocker([
        ...["run", ...none, "--cpuset-cpus", String(first), "/bin/sh", "-c"],
        "nproc; grep Cpus_allowed_list /proc/self/status",
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toBe(`1\nCpus_allowed_list:\t${first}\n`);
    });
  });

  test("a CPU that the host does not have is refused", async () => {
    await onHost(async (host) => {
      await expectRefused(host, ["--cpuset-cpus", "4095"], 2, /cannot enforce --cpuset-cpus: .*4095/);
    });
  });

  test("what makes no sense is refused in one line", async () => {
    const cases: [string[], RegExp][] = [
      [["--cpus", "many"], /--cpus: many: expected a number of CPUs/],
      [["--cpus", "0.001"], /--cpus: 0\.001: expected a number of CPUs/],
      [["--cpus", "-1"], /--cpus: -1: expected a number of CPUs/],
      [["--cpus", "1", "--cpu-quota", "5000"], /--cpus stands for quota and period/],
      [["--cpu-shares", "1"], /--cpu-shares: 1: expected 2 to 262144/],
      [["--cpuset-cpus", "3-1"], /--cpuset-cpus: 3-1: expected a list such as/],
      [["--cpuset-cpus", "all"], /--cpuset-cpus: all: expected a list such as/],
      [["--pids-limit", "some"], /--pids-limit: some: expected/],
      [["--pids-limit", "-2"], /--pids-limit: -2: expected/],
    ];
    await onHost(async (host) => {
      for (const [flags, line] of cases) {
        await expectRefused(host, flags, 1, line);
      }
    });
  });
});

describe("--pids-limit", () => {
  test("a process too many is refused", async () => {
    await onHost(async (host) => {
      // init, the shell, and three of these.
      const line = "for i in 1 2 3 4 5 6; do sleep 1000 & echo started $i; done";
      const { code, stdout, stderr } = await host.mdocker([
        ...["run", ...none, "--pids-limit", "5", "/bin/dash", "-c", line],
      ]);
      expect(stdout).toBe("started 1\nstarted 2\nstarted 3\n");
      expect(stderr).toContain("Cannot fork");
      expect(code).toBe(2);
    });
  });

  test("a fork bomb ends there, and its container can be ended", async () => {
    await onHost(async (host) => {
      const bomb = "b() { b & b & wait; }; b";
      const line = `dash -c '${bomb}' & exec sleep 1000`;
      const limit = ["--pids-limit", "30"];
      const running = host.start(["run", "--name", "one", ...none, ...limit, "/bin/bash", "-c", line]);
      await running.says(/Cannot fork/);
      const count = await limitValue(host, "one", "pids", { v1: "pids.current", v2: "pids.current" });
      expect(Number(count)).toBeLessThanOrEqual(30);
      expect((await host.mdocker(["kill", "one"])).code).toBe(0);
      expect((await running.ended).code).toBe(137);
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test.each([
    [[], "2048"],
    [["--pids-limit", "100"], "100"],
    [["--pids-limit", "-1"], "max"],
  ])("%j: the kernel has %s", async (flags, value) => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one", [...none, ...flags]);
      // Without a limit it need not be in that hierarchy at all.
      const found = limitValue(host, "one", "pids", { v1: "pids.max", v2: "pids.max" });
      expect(await found.catch(() => "max")).toBe(value);
      await one.end();
    });
  });
});

describe("priorities", () => {
  test("--nice and --ioprio are the command's, and those of what is executed beside it", async () => {
    await onHost(async (host) => {
      const flags = ["--nice", "7", "--ioprio", "best-effort:6"];
      const one = await startIdle(host, "one", ["--net", "none", ...flags]);
      const running = await host.mdocker(["exec", "one", "/bin/nice"]);
      expect(running).toEqual({ code: 0, stdout: "7\n", stderr: "" });
      const pids = (
        await host.hostRun(["pgrep", "-P", String((await inspect(host, "one")).init.pid)])
      ).trim();
      expect(await host.hostRun(["ionice", "-p", pids])).toBe("best-effort: prio 6\n");
      await one.end();
      expect(await host.mdocker(["run", ...none, "--nice", "-3", "/bin/nice"])).toMatchObject({
        stdout: "-3\n",
      });
      await expectRefused(host, ["--nice", "20"], 1, /--nice: 20: expected a whole number from -20 to 19/);
    });
  });
});

describe("limits", () => {
  test("cannot be lifted from inside", async () => {
    await onHost(async (host) => {
      const files = "pids/pids.max memory/memory.limit_in_bytes pids.max memory.max";
      const { stdout, stderr } = await host.mdocker([
        ...["run", ...none, "-m", "64m", "--pids-limit", "50", "/bin/sh", "-c"],
        `cd /sys/fs/cgroup; for f in ${files}; do [ ! -e $f ] || echo 100000000 > $f || cat $f; done`,
      ]);
      expect(stdout).toBe(`50\n${64 * 1024 * 1024}\n`);
      expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
    });
  });

  test("that the host cannot enforce are refused; a container without them runs", async () => {
    // Only on cgroup v1 can controllers be missing one by one.
    const isV1 = detectCgroups().driver === "v1";
    const [flags, line] = isV1
      ? [["--cpuset-cpus", "0"], /no hierarchy of the cpuset controller is mounted \(there are: [^)]*memory/]
      : [["-m", "64m", "--oom-kill-disable"], /cannot enforce --oom-kill-disable: /];
    await onHost(
      async (host) => {
        await expectRefused(host, flags as string[], 2, line as RegExp);
        expect(await host.mdocker(["run", ...none, "-m", "64m", "/bin/true"])).toEqual({
          code: 0,
          stdout: "",
          stderr: "",
        });
      },
      // In the mount namespace of the test host, which nothing of the machine's own is seen from.
      isV1 ? "umount /sys/fs/cgroup/cpuset\n" : undefined,
    );
  });
});
