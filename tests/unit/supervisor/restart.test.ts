import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RestartRequest } from "../../../src/container/request.ts";
import {
  type EndedRun,
  freshRestarts,
  nextRestart,
  Restarter,
  type RestartState,
  startsWithSupervisor,
} from "../../../src/supervisor/restart.ts";
import { TestClock } from "./clock.ts";

const policyOf = (policy: RestartRequest["policy"], maximumRetries = 0): RestartRequest => ({
  policy,
  maximumRetries,
});
const failed: EndedRun = { code: 1, asked: false, ranMs: 5 };
const succeeded: EndedRun = { ...failed, code: 0 };
const asked: EndedRun = { ...failed, code: 143, asked: true };

/** The delays of so many ends in a row. */
function delays(policy: RestartRequest, runs: readonly EndedRun[]): (number | undefined)[] {
  let state: RestartState | undefined = freshRestarts;
  return runs.map((run) => {
    state = state && nextRestart(policy, state, run);
    return state?.delayMs;
  });
}

describe("restart policies", () => {
  test.each([
    ["no", [undefined, undefined, undefined]],
    ["on-failure", [100, undefined, undefined]],
    ["always", [100, 100, undefined]],
    ["unless-stopped", [100, 100, undefined]],
  ] as const)("%s", (policy, expected) => {
    const found = [failed, succeeded, asked].map(
      (run) => nextRestart(policyOf(policy), freshRestarts, run)?.delayMs,
    );
    expect(found).toEqual(expected);
  });

  test("the delay doubles up to a minute, and begins anew after a good run", () => {
    const bad = Array.from({ length: 12 }, () => failed);
    const found = delays(policyOf("always"), [...bad, { ...failed, ranMs: 10_000 }, failed]);
    expect(found).toEqual([
      100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000, 100, 200,
    ]);
  });

  test("on-failure gives up after so many times", () => {
    const found = delays(
      policyOf("on-failure", 3),
      Array.from({ length: 5 }, () => failed),
    );
    expect(found).toEqual([100, 200, 400, undefined, undefined]);
  });

  const runs = fc.record({ code: fc.nat(255), asked: fc.boolean(), ranMs: fc.nat(30_000) });
  const policies = fc.record({
    policy: fc.constantFrom("no", "on-failure", "always", "unless-stopped"),
    maximumRetries: fc.nat(5),
  });

  test("no delay is shorter than 100 ms or longer than a minute; who was asked to end stays ended", () => {
    fc.assert(
      fc.property(policies, fc.array(runs, { maxLength: 30 }), (policy, ends) => {
        let state: RestartState = freshRestarts;
        for (const run of ends) {
          const next = nextRestart(policy, state, run);
          if (run.asked || policy.policy === "no") expect(next).toBeUndefined();
          if (next === undefined) break;
          expect(next.delayMs).toBeGreaterThanOrEqual(100);
          expect(next.delayMs).toBeLessThanOrEqual(60_000);
          expect(next.restarts).toBe(state.restarts + 1);
          if (policy.policy === "on-failure" && policy.maximumRetries > 0)
            expect(next.restarts).toBeLessThanOrEqual(policy.maximumRetries);
          state = next;
        }
      }),
    );
  });

  test("a supervisor that begins starts what its policy says", () => {
    const exit = { code: 1, at: "", oomKilled: false };
    const stopped = { ...exit, reason: "stopped" } as const;
    const table = (["no", "on-failure", "always", "unless-stopped"] as const).map((policy) =>
      [undefined, exit, { ...exit, code: 0 }, stopped].map((how) =>
        startsWithSupervisor(policyOf(policy), how, 0),
      ),
    );
    expect(table).toEqual([
      [false, false, false, false],
      [false, true, false, false],
      [false, true, true, true],
      [false, true, true, false],
    ]);
    expect(startsWithSupervisor(policyOf("on-failure", 2), exit, 2)).toBe(false);
    // The end of a supervisor is no wish of a user.
    const shutdown = { ...exit, reason: "stopped", shutdown: true } as const;
    expect(startsWithSupervisor(policyOf("unless-stopped"), shutdown, 0)).toBe(true);
    expect(startsWithSupervisor(policyOf("no"), shutdown, 0)).toBe(false);
  });
});

describe("a restarter", () => {
  const make = (policy: RestartRequest) => {
    const clock = new TestClock();
    const starts: number[] = [];
    const current = { policy };
    const restarter = new Restarter({
      policy: () => current.policy,
      start: (restarts) => starts.push(restarts),
      later: clock.later,
    });
    return { clock, starts, current, restarter };
  };

  test("starts after the delay", async () => {
    const { clock, starts, restarter } = make(policyOf("always"));
    expect(restarter.ended(failed)).toBe(true);
    expect(clock.pending).toBe(1);
    await clock.pass(99);
    expect(starts).toEqual([]);
    await clock.pass(1);
    expect(starts).toEqual([1]);
    expect(clock.pending).toBe(0);
    restarter.ended(failed);
    await clock.pass(200);
    expect(starts).toEqual([1, 2]);
  });

  test("goes on counting where an earlier one has left off", async () => {
    const { clock, starts, restarter } = make(policyOf("on-failure", 3));
    restarter.resume(2);
    expect(restarter.ended(failed)).toBe(true);
    await clock.pass(100);
    expect(starts).toEqual([3]);
    expect(restarter.ended(failed)).toBe(false);
  });

  test("gives up what was planned when it is reset, and begins anew", async () => {
    const { clock, starts, restarter } = make(policyOf("on-failure", 1));
    restarter.ended(failed);
    restarter.reset();
    await clock.pass(100_000);
    expect(starts).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(restarter.ended(failed)).toBe(true);
    await clock.pass(100);
    expect(restarter.ended(failed)).toBe(false);
    expect(starts).toEqual([1]);
  });

  test("follows a policy that is changed", async () => {
    const { clock, starts, current, restarter } = make(policyOf("no"));
    expect(restarter.ended(failed)).toBe(false);
    current.policy = policyOf("always");
    expect(restarter.ended(failed)).toBe(true);
    await clock.pass(100);
    expect(starts).toEqual([1]);
  });
});
