import { closeSync, writeSync } from "node:fs";
import { expect, test } from "vitest";
import { Interruption } from "../../../src/container/interruption.ts";
import { awaitMessage } from "../../../src/container/patience.ts";
import type { Signals } from "../../../src/container/signals.ts";
import { Stream } from "../../../src/container/streams.ts";
import { makePipe } from "../../../src/sys/pipe.ts";

function interruptible(): {
  readonly caught: Signals["caught"][number][];
  readonly interruption: Interruption;
} {
  const caught: Signals["caught"][number][] = [];
  const nothing = (): void => undefined;
  const signals: Signals = { caught, forwardTo: nothing, hangUp: nothing, release: nothing };
  return { caught, interruption: new Interruption(signals) };
}

test("a signal that comes because the command runs does not end the start of it", async () => {
  const [reading, writing] = makePipe();
  const { caught, interruption } = interruptible();
  // While it is waited between two looks: both have happened before the next.
  setImmediate(() => {
    writeSync(writing, "x");
    caught.push("SIGTERM");
  });
  await expect(awaitMessage(new Stream(reading), interruption)).resolves.toBeUndefined();
  for (const fd of [reading, writing]) closeSync(fd);
});

test("a signal that comes while nothing does ends the start", async () => {
  const [reading, writing] = makePipe();
  const { caught, interruption } = interruptible();
  setImmediate(() => caught.push("SIGTERM"));
  await expect(awaitMessage(new Stream(reading), interruption)).rejects.toThrow(
    "interrupted by SIGTERM: nothing was started",
  );
  for (const fd of [reading, writing]) closeSync(fd);
});
