import { closeSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
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

/** Lines of both streams, each with its number, and with a tail by which a part that is missing is seen. */
class Numbered {
  #sent = 0;
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }

  get sent(): number {
    return this.#sent;
  }

  next(lines: number): string {
    return Array.from({ length: lines }, () => {
      const number = this.#sent++;
      // Some are longer than a message may be, one of a hundred than a pipe's page.
      const tail = number % 1009 === 0 ? 20_000 : number % 101 === 0 ? 5_000 : number % 90;
      return `${this.#name} ${number} ${"y".repeat(tail)}\n`;
    }).join("");
  }
}

describe("a writer that is killed", () => {
  const kinds: [string, string[]][] = [
    ["writes to one file", ["max-buffer-size=64k"]],
    ["rotates", ["max-size=300k", "max-file=400"]],
    ["drops what has no room", ["mode=non-blocking", "max-buffer-size=24k"]],
  ];
  test.each(kinds)("loses no line and writes none twice: it %s", async (_, options) => {
    const drops = options.includes("mode=non-blocking");
    const run = mkdtempSync(join(tmpdir(), "mdocker-run-"));
    const place = join(directory, options.join());
    mkdirSync(place);
    const streams = await Promise.all(
      (["stdout", "stderr"] as const).map(async (name) => {
        makeFifo(join(run, name));
        // As the monitor of a container: what is not yet read stays.
        const held = openFifo(join(run, name), "hold");
        return { name, held, feeder: await open(join(run, name), "w"), lines: new Numbered(name) };
      }),
    );
    let feeding = true;
    const fed = streams.map(async ({ feeder, lines }) => {
      while (feeding) await feeder.write(lines.next(97));
    });
    const sent = (): number => streams.reduce((sum, { lines }) => sum + lines.sent, 0);
    const lives = 12;
    for (let life = 0; life < lives; life++) {
      // Every other one is killed in the middle of a write, or just after it, the others whenever it comes.
      const dies =
        life % 2 === 0 && life < lives - 1 ? [String(5 * life + 3), String((life % 6) / 4)] : ["0", "0"];
      const running = startCommand([process.execPath, writer.path, place, run, ...dies, ...options]);
      if (dies[0] !== "0") {
        expect((await running.ended).code).toBe(137);
        continue;
      }
      await running.says(/ready/);
      // A different moment each time: mostly it is in the middle of something.
      const enough = sent() + 2_000 + life * 1_777;
      while (sent() < enough) await new Promise((resolve) => setImmediate(resolve));
      if (life < lives - 1) {
        running.child.kill("SIGKILL");
        await running.ended;
        continue;
      }
      feeding = false;
      await Promise.all(fed);
      for (const { feeder, held } of streams) {
        await feeder.close();
        closeSync(held);
      }
      const said = JSON.parse((await running.ended).stdout.replace("ready\n", "")) as object;
      expect(said).toMatchObject(drops ? { waiting: 0 } : { waiting: 0, dropped: 0 });
    }
    const whole = { stdout: "", stderr: "" };
    for await (const { stream, line } of readLogs(place, { stdout: true, stderr: true }))
      whole[stream] += line.toString();
    for (const { name, lines } of streams) {
      const again = new Numbered(name);
      if (!drops) {
        // Not the texts themselves: they are long.
        expect(whole[name] === again.next(lines.sent)).toBe(true);
        continue;
      }
      const numbers = [...whole[name].matchAll(/^std(?:out|err) (\d+) /gm)].map(([, number]) =>
        Number(number),
      );
      expect(numbers.length).toBeGreaterThan(100);
      // In order, and each once: what is missing was dropped.
      expect(numbers.every((number, at) => at === 0 || number > (numbers[at - 1] ?? 0))).toBe(true);
    }
    rmSync(run, { recursive: true });
  });
});
