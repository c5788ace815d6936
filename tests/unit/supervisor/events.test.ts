import { describe, expect, test } from "vitest";
import { matchesFilters } from "../../../src/supervisor/event-filter.ts";
import { eventLine } from "../../../src/supervisor/event-line.ts";
import type { EngineEvent } from "../../../src/supervisor/events.ts";

const id = "ab".repeat(32);
const started: EngineEvent = {
  type: "container",
  action: "start",
  actor: { id, attributes: { name: "web", image: "lab:latest", tier: "front" } },
  timeNano: 1_700_000_000_123_456_789n,
};

describe("an event", () => {
  test("is a line with every digit of its time", () => {
    const line = eventLine(started);
    expect(line.endsWith('"time":1700000000,"timeNano":1700000000123456789}\n')).toBe(true);
    expect(JSON.parse(line)).toMatchObject({
      Type: "container",
      Action: "start",
      status: "start",
      id,
      from: "lab:latest",
      Actor: { ID: id, Attributes: { name: "web" } },
      scope: "local",
    });
  });

  test.each<[Record<string, string[]>, boolean]>([
    [{}, true],
    [{ type: ["container"] }, true],
    [{ type: ["network"] }, false],
    [{ event: ["stop", "start"] }, true],
    [{ event: ["stop"] }, false],
    [{ container: ["web"] }, true],
    [{ container: ["/web"] }, true],
    [{ container: ["abab"] }, true],
    [{ container: ["other"] }, false],
    [{ image: ["lab"] }, true],
    [{ image: ["lab:latest"] }, true],
    [{ image: ["lab:other"] }, false],
    [{ label: ["tier"] }, true],
    [{ label: ["tier=front"] }, true],
    [{ label: ["tier=front", "owner"] }, false],
    [{ label: ["constructor"] }, false],
    [{ network: ["web"] }, false],
    [{ scope: ["local"] }, true],
  ])("passes the filters %j: %s", (filters, passes) => {
    expect(matchesFilters(started, new Map(Object.entries(filters)))).toBe(passes);
  });

  test("with details is found by its action alone", () => {
    const event = { ...started, action: "health_status: healthy" };
    expect(matchesFilters(event, new Map([["event", ["health_status"]]]))).toBe(true);
    expect(matchesFilters(event, new Map([["event", ["health"]]]))).toBe(false);
  });
});
