import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Demultiplexer } from "../../../src/cli/demultiplex.ts";
import { eventText } from "../../../src/cli/event-text.ts";
import { memberOf } from "../../../src/cli/groups.ts";
import { UsageError } from "../../../src/core/errors.ts";
import { eventLine } from "../../../src/supervisor/event-line.ts";
import { frame } from "../../../src/supervisor/http/frames.ts";

describe("docker's frames", () => {
  const piece = fc.record({
    stream: fc.constantFrom("stdout", "stderr"),
    bytes: fc.uint8Array({ maxLength: 40 }),
  });

  test("are taken apart however they are cut", () => {
    fc.assert(
      fc.property(
        fc.array(piece),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (pieces, cuts) => {
          const whole = Buffer.concat(pieces.map(({ stream, bytes }) => frame(stream, bytes)));
          const demultiplexer = new Demultiplexer();
          const texts = { stdout: "", stderr: "" };
          for (let at = 0, turn = 0; at < whole.length; turn++) {
            const end = at + (cuts[turn % cuts.length] ?? 1);
            for (const { stream, bytes } of demultiplexer.take(whole.subarray(at, end)))
              texts[stream] += bytes.toString("hex");
            at = end;
          }
          for (const stream of ["stdout", "stderr"] as const) {
            const expected = pieces
              .filter((one) => one.stream === stream)
              .map(({ bytes }) => Buffer.from(bytes));
            expect(texts[stream]).toBe(Buffer.concat(expected).toString("hex"));
          }
        },
      ),
    );
  });
});

describe("an event", () => {
  const line = eventLine({
    type: "container",
    action: "die",
    actor: { id: "abc", attributes: { name: "web", exitCode: "3", image: "lab" } },
    timeNano: 1_900_000_000_123_456_789n,
  }).trimEnd();

  test("is shown as docker shows it, to the nanosecond", () => {
    expect(eventText(line, undefined)).toMatch(
      /^2030-03-\d\dT\d\d:\d\d:40\.123456789[+-]\d\d:\d\d container die abc \(exitCode=3, image=lab, name=web\)$/,
    );
    const [time = ""] = eventText(line, undefined).split(" ");
    expect(Date.parse(time)).toBe(1_900_000_000_123);
  });

  test("is itself as json, and fits templates", () => {
    expect(eventText(line, "json")).toBe(line);
    expect(eventText(line, "{{.Action}} {{.Actor.Attributes.name}}")).toBe("die web");
  });
});

test("docker's groups of commands", () => {
  expect(memberOf("container", "ls")).toBe("ps");
  expect(memberOf("container", "prune")).toBe("prune");
  expect(memberOf("system", "events")).toBe("events");
  expect(() => memberOf("container", "build")).toThrow(UsageError);
  expect(() => memberOf("system", undefined)).toThrow(/^system: expected one of info, events/);
});
