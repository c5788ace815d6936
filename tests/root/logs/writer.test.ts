import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readLogs } from "../../../src/logs/read.ts";
import { makeFifo, openFifo } from "../../../src/sys/fifo.ts";
import { type Bundle, bundle } from "../../harness/bundle.ts";
import { outputOf, startCommand } from "../../harness/command.ts";

let writer: Bundle;
let fullDisk: Bundle;
let directory = "";
beforeAll(() => {
  writer = bundle("log-writer");
  fullDisk = bundle("full-disk-log");
  directory = mkdtempSync(join(tmpdir(), "mdocker-log-"));
});
afterAll(() => {
  for (const made of [writer, fullDisk]) made.remove();
  rmSync(directory, { recursive: true });
});

test("a full filesystem costs messages, counted; with room again the log goes on", async () => {
  const script = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" "$3" "$1"';
  const shell = ["sh", "-c", script, "sh", directory, process.execPath, fullDisk.path];
  const { said, sent, full, dropped, texts } = JSON.parse(
    await outputOf(["unshare", "--mount", ...shell]),
  ) as {
    said: string[];
    sent: number;
    full: { dropped: number };
    dropped: number;
    texts: string[];
  };
  expect(said).toEqual([expect.stringContaining("ENOSPC")]);
  expect(full.dropped).toBeGreaterThan(1_000);
  const told = texts.flatMap((text) => /^mdocker: (\d+) messages? /.exec(text)?.[1] ?? []).map(Number);
  const numbers = texts.flatMap((text) => /^line (\d+) x/.exec(text)?.[1] ?? []).map(Number);
  expect(told.reduce((a, b) => a + b, 0)).toBe(dropped);
  expect(numbers.length + dropped).toBe(sent);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  expect(numbers.at(-1)).toBe(sent - 1);
});

describe("a writer that is killed", () => {
  test("leaves whole lines, and the next one goes on after them", async () => {
    const fifo = join(directory, "output");
    makeFifo(fifo);
    // As the monitor of a container: what is not yet read stays.
    const held = openFifo(fifo, "hold");
    const feeder = await open(fifo, "w");
    let sent = 0;
    let feeding = true;
    const feed = (async () => {
      while (feeding) {
        const lines = Array.from({ length: 500 }, () => `${sent++} ${"y".repeat(sent % 90)}\n`);
        await feeder.write(lines.join(""));
      }
    })();
    for (let life = 0; life < 6; life++) {
      const running = startCommand([process.execPath, writer.path, directory, fifo, "max-buffer-size=64k"]);
      await running.says(/ready/);
      const before = sent;
      while (sent < before + 20_000) await new Promise((resolve) => setImmediate(resolve));
      if (life === 5) feeding = false;
      else {
        running.child.kill("SIGKILL");
        await running.ended;
        continue;
      }
      await feed;
      await feeder.close();
      closeSync(held);
      expect((await running.ended).stdout).toMatch(/^ready\n\{"waiting":0,"dropped":0\}\n$/);
    }
    let expected = 0;
    let gaps = 0;
    for await (const { line } of readLogs(directory, { stdout: true, stderr: true })) {
      const [, number, tail] = /^(?:(\d+) )?(y*)\n$/.exec(line.toString()) ?? [];
      if (number === undefined || tail?.length !== (Number(number) + 1) % 90 || Number(number) !== expected)
        gaps += 1;
      if (number !== undefined) expected = Number(number) + 1;
    }
    expect(expected).toBe(sent);
    // What a killed one had in its hands: a chunk, whose loss cuts a line at each end.
    expect(gaps).toBeLessThanOrEqual(2 * 5);
  });
});
