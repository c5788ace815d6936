import { expect, test } from "vitest";
import { withLimitEvent } from "../../../src/container/limit-watch.ts";
import type { LimitEvent, LimitLog } from "../../../src/container/record.ts";

const event = (action: LimitEvent["action"], attributes: LimitEvent["attributes"] = {}): LimitEvent => ({
  ...{ at: "2030-01-31T10:00:00.000Z", action, attributes },
});

function logOf(events: readonly LimitEvent[]): LimitLog | undefined {
  return events.reduce<LimitLog | undefined>(withLimitEvent, undefined);
}

test("events are counted by what they are, and waiting by what for", () => {
  const log = logOf([
    event("oom"),
    event("pressure", { resource: "io" }),
    event("pressure", { resource: "memory" }),
    event("oom"),
  ]);
  expect(log?.counts).toEqual({ oom: 2, "pressure io": 1, "pressure memory": 1 });
  expect(log?.last.map(({ action }) => action)).toEqual(["oom", "pressure", "pressure", "oom"]);
});

test("a fork bomb does not push the others out", () => {
  const bomb = Array.from({ length: 100 }, (_, index) => event("pids_limit", { refused: `${index}` }));
  const log = logOf([event("soft_limit"), ...bomb]);
  expect(log?.counts).toEqual({ soft_limit: 1, pids_limit: 100 });
  expect(log?.last).toEqual([event("soft_limit"), event("pids_limit", { refused: "99" })]);
});

test("only the last are kept, oldest first", () => {
  const log = logOf(Array.from({ length: 40 }, (_, index) => event("oom", { n: `${index}` })));
  expect(log?.counts).toEqual({ oom: 40 });
  expect(log?.last.map(({ attributes }) => attributes["n"])).toEqual(
    Array.from({ length: 16 }, (_, index) => `${index + 24}`),
  );
});
