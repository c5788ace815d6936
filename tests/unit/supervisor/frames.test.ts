import { Duplex, PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type FramedStream, frame, frameHeader } from "../../../src/supervisor/http/frames.ts";
import { relay } from "../../../src/supervisor/http/relay.ts";
import { demultiplex } from "../../harness/demultiplex.ts";

const pieces = fc.array(
  fc.record({
    stream: fc.constantFrom<FramedStream>("stdout", "stderr"),
    text: fc.string({ unit: "binary" }),
  }),
);

function joined(all: readonly { stream: string; text: string }[], name: string): string {
  return Buffer.concat(
    all.filter(({ stream }) => stream === name).map(({ text }) => Buffer.from(text)),
  ).toString();
}

describe("frames", () => {
  test("have docker's header", () => {
    expect(frame("stderr", Buffer.from("abc"))).toEqual(Buffer.from([2, 0, 0, 0, 0, 0, 0, 3, 97, 98, 99]));
    expect(frameHeader("stdout", 0x01020304)).toEqual(Buffer.from([1, 0, 0, 0, 1, 2, 3, 4]));
  });

  test("come apart as they were put together", () => {
    fc.assert(
      fc.property(pieces, (all) => {
        const bytes = Buffer.concat(all.map(({ stream, text }) => frame(stream, Buffer.from(text))));
        expect(demultiplex(bytes)).toEqual({ stdout: joined(all, "stdout"), stderr: joined(all, "stderr") });
      }),
    );
  });

  test("are what a client gets of two streams, whatever its pace", async () => {
    await fc.assert(
      fc.asyncProperty(
        pieces,
        fc.integer({ min: 1, max: 200 }),
        fc.boolean(),
        async (all, room, wantsErr) => {
          const [stdout, stderr] = [new PassThrough(), new PassThrough()];
          const got: Buffer[] = [];
          const wire = new Duplex({
            highWaterMark: room,
            read: () => undefined,
            write: (bytes: Buffer, _encoding, done) => {
              got.push(bytes);
              setImmediate(done);
            },
            // The client closes the connection when it has got everything.
            final: (done) => {
              wire.push(null);
              done();
            },
          });
          const gone = new Promise<void>((resolve) => {
            const wanted = { stdin: false, stdout: true, stderr: wantsErr };
            relay(wire, { terminal: false, stdout, stderr, stdin: undefined }, wanted, resolve);
          });
          for (const { stream, text } of all) (stream === "stdout" ? stdout : stderr).write(text);
          stdout.end();
          stderr.end();
          await gone;
          expect(demultiplex(Buffer.concat(got))).toEqual({
            stdout: joined(all, "stdout"),
            stderr: wantsErr ? joined(all, "stderr") : "",
          });
        },
      ),
      { numRuns: 50 },
    );
  });
});
