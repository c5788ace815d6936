import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { HealthRecord } from "../../../src/container/record.ts";
import { HealthMonitor, isChecked, judge, type ProbeResult } from "../../../src/supervisor/health.ts";
import { TestClock } from "./clock.ts";

const request = {
  test: ["CMD", "check"],
  intervalMs: 1000,
  timeoutMs: 300,
  startPeriodMs: 0,
  retries: 2,
};
const good: ProbeResult = { exitCode: 0, output: Buffer.from("fine") };
const bad: ProbeResult = { exitCode: 1, output: Buffer.from("broken") };

/** A monitor whose probes end as `results` say; `hang` waits for its abort. */
function monitor(
  results: readonly (ProbeResult | "hang" | "paused" | Error)[],
  changes: Partial<typeof request> = {},
) {
  const clock = new TestClock();
  const reports: string[] = [];
  const events: string[] = [];
  let probes = 0;
  const health = new HealthMonitor(
    { ...request, ...changes },
    {
      now: clock.now,
      later: clock.later,
      probe: (_test, abort) => {
        const result = results[Math.min(probes++, results.length - 1)];
        if (result instanceof Error) return Promise.reject(result);
        if (result === "paused") return Promise.resolve(undefined);
        if (result !== "hang" && result !== undefined) return Promise.resolve(result);
        return new Promise((resolve) => {
          abort.addEventListener("abort", () => resolve({ exitCode: 137, output: Buffer.from("half") }));
        });
      },
      report: ({ status, failingStreak }, changed) => {
        reports.push(`${status} ${failingStreak}`);
        if (changed) events.push(status);
      },
    },
  );
  return { clock, reports, events, health, probed: () => probes };
}

describe("health checks", () => {
  test("healthy after the first good probe, unhealthy after so many bad ones, healthy again", async () => {
    const { clock, reports, events, health } = monitor([good, bad, bad, bad, good]);
    health.start();
    await clock.pass(5000);
    expect(reports).toEqual([
      "starting 0",
      "healthy 0",
      "healthy 1",
      "unhealthy 2",
      "unhealthy 3",
      "healthy 0",
    ]);
    expect(events).toEqual(["healthy", "unhealthy", "healthy"]);
  });

  test("an interval after each probe", async () => {
    const { clock, health, probed } = monitor(["hang", good]);
    health.start();
    await clock.pass(999);
    expect(probed()).toBe(0);
    await clock.pass(1);
    expect(probed()).toBe(1);
    await clock.pass(300);
    await clock.pass(999);
    expect(probed()).toBe(1);
    await clock.pass(1);
    expect(probed()).toBe(2);
  });

  test("one that takes too long has failed, and says so", async () => {
    const { clock, health } = monitor(["hang"]);
    health.start();
    await clock.pass(1300);
    expect(health.health.log).toMatchObject([
      { exitCode: -1, output: "Health check exceeded timeout (0.3s): half" },
    ]);
    expect(health.health.failingStreak).toBe(1);
  });

  test("one that cannot be run has failed", async () => {
    const { clock, health } = monitor([new Error("no such file")]);
    health.start();
    await clock.pass(1000);
    expect(health.health.log).toMatchObject([{ exitCode: -1, output: "no such file" }]);
  });

  test("failures in the start period do not count, until it has been healthy", async () => {
    const { clock, reports, health } = monitor([bad, bad, good, bad, bad], { startPeriodMs: 60_000 });
    health.start();
    await clock.pass(5000);
    expect(reports.slice(1)).toEqual(["starting 0", "starting 0", "healthy 0", "healthy 1", "unhealthy 2"]);
  });

  test("what cannot be asked now counts as nothing", async () => {
    const { clock, reports, health } = monitor(["paused", bad, "paused", good]);
    health.start();
    await clock.pass(4000);
    expect(reports).toEqual(["starting 0", "starting 1", "healthy 0"]);
  });

  test("stops, also in the middle of a probe, which then does not count; and goes on", async () => {
    const { clock, reports, health, probed } = monitor(["hang", good]);
    health.start();
    await clock.pass(1100);
    health.stop();
    await clock.pass(100_000);
    expect(clock.pending).toBe(0);
    expect(probed()).toBe(1);
    expect(reports).toEqual(["starting 0"]);
    health.resume();
    await clock.pass(1000);
    expect(reports).toEqual(["starting 0", "healthy 0"]);
    health.stop();
    expect(clock.pending).toBe(0);
  });

  test("keeps the last five, and 4096 bytes of each", async () => {
    const { clock, health } = monitor([{ exitCode: 0, output: Buffer.alloc(10_000, "x") }]);
    health.start();
    await clock.pass(8000);
    expect(health.health.log.map(({ output }) => output.length)).toEqual([4096, 4096, 4096, 4096, 4096]);
    expect(health.health.log[0]?.start).toBe("2030-01-01T00:00:04.000Z");
  });

  test("whatever the probes say: unhealthy only after enough failures in a row", () => {
    const probe = fc.record({
      start: fc.constant(""),
      end: fc.constant(""),
      exitCode: fc.nat(3),
      output: fc.string(),
    });
    fc.assert(
      fc.property(fc.array(probe, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (probes, retries) => {
        let health: HealthRecord = { status: "starting", failingStreak: 0, log: [] };
        let streak = 0;
        for (const one of probes) {
          health = judge(health, one, { retries, inStartPeriod: false });
          streak = one.exitCode === 0 ? 0 : streak + 1;
          expect(health.failingStreak).toBe(streak);
          expect(health.status === "unhealthy").toBe(streak >= retries);
          expect(health.log.length).toBeLessThanOrEqual(5);
        }
      }),
    );
  });

  test("NONE, and nothing, is no check", () => {
    expect([undefined, { ...request, test: [] }, { ...request, test: ["NONE"] }].map(isChecked)).toEqual([
      false,
      false,
      false,
    ]);
    expect(isChecked(request)).toBe(true);
  });
});
