import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { reasonOf } from "../../../src/container/stop-mark.ts";

const [before, after] = ["2030-01-01T10:00:00.000Z", "2030-01-01T10:00:05.000Z"];
const exit = { code: 137, at: after };
const asked = { signal: 15, at: before, killed: false };
const calm = { oomKilled: false, limitHits: 0, limited: true };
const oom = { oomKilled: true, limitHits: 1, limited: true };

describe("why a container ended", () => {
  test("it was asked to, and went by itself or was killed", () => {
    expect(reasonOf({ ...exit, code: 0 }, asked, calm)).toBe("stopped");
    expect(reasonOf({ ...exit, code: 143 }, asked, calm)).toBe("stopped");
    expect(reasonOf(exit, { ...asked, killed: true }, calm)).toBe("killed");
    // It went by itself just before the signal came.
    expect(reasonOf({ ...exit, code: 3 }, { ...asked, killed: true }, calm)).toBe("stopped");
  });

  test("by its own limit, or because the host had no memory", () => {
    expect(reasonOf(exit, undefined, oom)).toBe("hard-limit-killed");
    expect(reasonOf(exit, undefined, { ...oom, limitHits: 0 })).toBe("oom-killed");
    // cgroup v1 does not tell: a limit there is makes it likely.
    expect(reasonOf(exit, undefined, { ...oom, limitHits: undefined })).toBe("hard-limit-killed");
    expect(reasonOf(exit, undefined, { ...oom, limitHits: undefined, limited: false })).toBe("oom-killed");
  });

  test("a child that was killed for memory is not the end of the container", () => {
    expect(reasonOf({ ...exit, code: 0 }, undefined, oom)).toBeUndefined();
  });

  test("whoever asks when it has ended has no part in it", () => {
    expect(reasonOf({ ...exit, at: before }, { ...asked, at: after }, oom)).toBe("hard-limit-killed");
    expect(reasonOf({ code: 0, at: before }, { ...asked, at: after, killed: true }, calm)).toBeUndefined();
  });

  test("without being asked, or a lack of memory, there is no reason", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.boolean(), (code, limited) => {
        expect(reasonOf({ code, at: after }, undefined, { ...calm, limited })).toBeUndefined();
      }),
    );
  });
});
