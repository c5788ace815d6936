import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ContainerLog, openContainerLog } from "../../../src/logs/container-log.ts";
import { type Disk, realDisk } from "../../../src/logs/log-file.ts";
import { parseLogOptions } from "../../../src/logs/options.ts";

interface Entry {
  readonly log: string;
  readonly stream: string;
  readonly time: string;
}

// Not to be cut short where the machine is busy: what goes on after that would meet the next test.
vi.setConfig({ testTimeout: 60_000 });

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mdocker-log-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const never = (line: string): void => expect.unreachable(line);

function open(
  options: Readonly<Record<string, string>> = {},
  disk: Disk = realDisk,
  say: (line: string) => void = never,
): ContainerLog {
  const parsed = parseLogOptions("json-file", options);
  if (parsed.driver === "none") throw new Error("unreachable");
  return new ContainerLog({ directory, say, disk }, parsed);
}

/** The lines of all files, oldest first. */
function lines(): string[] {
  const number = (name: string): number => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0);
  return readdirSync(directory)
    .sort((a, b) => number(b) - number(a))
    .flatMap((name) => readFileSync(join(directory, name), "utf8").split(/(?<=\n)/))
    .filter((line) => line !== "");
}

const entries = (): Entry[] => lines().map((line) => JSON.parse(line) as Entry);
const textOf = (stream: string): string =>
  entries()
    .filter((entry) => entry.stream === stream)
    .map(({ log }) => log)
    .join("");
const file = (): string => join(directory, `${basename(directory)}-json.log`);

/** Writes the chunks as they come, as far as the log lets it. */
async function feed(log: ContainerLog, chunks: Iterable<Buffer>): Promise<void> {
  for (const chunk of chunks) await log.take("stdout", chunk);
}

/** A disk that writes only when it is let. */
class HeldDisk implements Disk {
  held = true;
  readonly #waiting: (() => void)[] = [];

  writeSync(fd: number, bytes: Buffer, offset: number, length: number): number {
    const end = performance.now() + (this.held ? 25 : 0);
    while (performance.now() < end);
    return realDisk.writeSync(fd, bytes, offset, length);
  }

  async write(fd: number, bytes: Buffer, offset: number, length: number): Promise<number> {
    if (this.held) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return await realDisk.write(fd, bytes, offset, length);
  }

  release(): void {
    this.held = false;
    for (const go of this.#waiting.splice(0)) go();
  }
}

describe("a container's log", () => {
  test("is written byte for byte as docker writes it", async () => {
    const log = open();
    await log.take("stdout", Buffer.from('a "b" \\ <c> & \t\r\n'));
    await log.take("stderr", Buffer.from([0x68, 0xc3, 0xa4, 0x21, 0xff, 0xe2, 0x82, 0x0a]));
    await log.take("stdout", Buffer.from("\u2028\u0000\u007f€\nlast"));
    await log.close();
    expect(lines().map((line) => line.replace(/"time":"[^"]*"/, '"time":"T"'))).toEqual([
      '{"log":"a \\"b\\" \\\\ \\u003cc\\u003e \\u0026 \\u0009\\r\\n","stream":"stdout","time":"T"}\n',
      '{"log":"hä!\\ufffd\\ufffd\\ufffd\\n","stream":"stderr","time":"T"}\n',
      '{"log":"\\u2028\\u0000\u007f€\\n","stream":"stdout","time":"T"}\n',
      '{"log":"last","stream":"stdout","time":"T"}\n',
    ]);
    const [first] = entries();
    expect(first?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$/);
    expect(Math.abs(Date.parse(first?.time ?? "") - Date.now())).toBeLessThan(60_000);
  });

  test("holds the same text however the stream is cut into chunks", async () => {
    const text = fc.array(
      fc.oneof(
        fc.string({ unit: "binary", maxLength: 40 }),
        fc.constantFrom("\n", "\n\n", "x".repeat(9_000), "€".repeat(6_000)),
      ),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(20_000), { maxLength: 8 }), async (parts, cuts) => {
        rmSync(directory, { recursive: true });
        mkdirSync(directory);
        const bytes = Buffer.from(parts.join(""));
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const log = open();
        await feed(
          log,
          at.slice(1).map((end, index) => bytes.subarray(at[index], end)),
        );
        await log.close();
        // The same as what a decoder of UTF-8 reads: lone surrogates have become U+FFFD in the buffer already.
        expect(textOf("stdout")).toBe(bytes.toString());
        for (const { log: message } of entries()) {
          expect(Buffer.byteLength(message)).toBeLessThanOrEqual(16 * 1024);
          expect(message.slice(0, -1)).not.toContain("\n");
        }
      }),
      { numRuns: 80 },
    );
  });

  test("splits a long line every 16 KiB", async () => {
    const log = open();
    await log.take("stdout", Buffer.from(`${"a".repeat(16_384)}\n${"b".repeat(40_000)}\n`));
    await log.close();
    expect(entries().map((entry) => [entry.log[0], entry.log.length])).toEqual([
      ["a", 16_384],
      ["\n", 1],
      ["b", 16_384],
      ["b", 16_384],
      ["b", 7_233],
    ]);
  });

  test("is rotated: whole lines, in order, no more files than asked for, none much larger", async () => {
    const log = open({ "max-size": "2k", "max-file": "4" });
    const numbers = Array.from({ length: 400 }, (_, i) => `line ${i}\n`);
    for (let at = 0; at < 400; at += 7) await feed(log, [Buffer.from(numbers.slice(at, at + 7).join(""))]);
    await log.close();
    const name = basename(file());
    expect(readdirSync(directory).sort()).toEqual([name, `${name}.1`, `${name}.2`, `${name}.3`]);
    for (const one of readdirSync(directory)) {
      expect(readFileSync(join(directory, one)).length).toBeLessThan(2_048 + 120);
    }
    const kept = entries().map((entry) => entry.log);
    expect(kept.length).toBeGreaterThan(60);
    expect(kept).toEqual(numbers.slice(-kept.length));
  });

  test("goes on after the last whole line of a writer that was killed", async () => {
    const whole = '{"log":"one\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}';
    for (const [torn, kept] of [
      ["", 1],
      [`\n${whole}`, 2],
      ['\n{"log":"tw', 1],
      [`\n${"\0".repeat(100_000)}`, 1],
      [`\n{"log":"${"x".repeat(90_000)}`, 1],
    ] as const) {
      writeFileSync(file(), `${whole}${torn}`);
      const log = open();
      await log.take("stdout", Buffer.from("next\n"));
      await log.close();
      expect(entries().map((entry) => entry.log)).toEqual([...Array(kept).fill("one\n"), "next\n"]);
    }
    writeFileSync(file(), '{"log":"nothing whole');
    await open().close();
    expect(readFileSync(file(), "utf8")).toBe("");
  });

  test("with the driver none is not kept", () => {
    expect(openContainerLog({ directory, say: never }, parseLogOptions("none", {}))).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("a slow disk", () => {
  const chunk = Buffer.from(`${"x".repeat(99)}\n`.repeat(80));

  test("makes the container wait, and nothing is lost", async () => {
    const disk = new HeldDisk();
    const log = open({ "max-buffer-size": "64k" }, disk);
    let patience: undefined | Promise<void>;
    let taken = 0;
    // The first is written in line, and shows that the disk is slow.
    for (; patience === undefined; taken++) patience = log.take("stdout", chunk);
    expect(taken).toBeLessThan(20);
    expect(log.stats.waiting).toBeLessThan(64 * 1024 + chunk.length + 1024);
    disk.release();
    await patience;
    for (; taken < 100; taken++) await log.take("stdout", chunk);
    await log.close();
    expect(textOf("stdout")).toBe(chunk.toString().repeat(100));
  });

  test("in non-blocking mode costs whole messages, and the log says how many", async () => {
    const disk = new HeldDisk();
    const log = open({ mode: "non-blocking", "max-buffer-size": "64k" }, disk);
    const sent: string[] = [];
    for (let at = 0; at < 3_000; at++) {
      const line = `line ${at} ${"y".repeat(50)}\n`;
      sent.push(line);
      expect(log.take("stdout", Buffer.from(line))).toBeUndefined();
      expect(log.stats.waiting).toBeLessThanOrEqual(64 * 1024);
    }
    disk.release();
    await log.flush();
    await log.take("stdout", Buffer.from("the end\n"));
    await log.close();
    const all = entries();
    const notes = all.filter(({ stream }) => stream === "stderr");
    const dropped = notes.map((note) =>
      Number(/^mdocker: (\d+) messages? w(?:as|ere) dropped here\n$/.exec(note.log)?.[1]),
    );
    const kept = all.filter(({ stream }) => stream === "stdout").map((entry) => entry.log);
    expect(log.stats.dropped).toBeGreaterThan(1_000);
    expect(dropped.reduce((a, b) => a + b, 0)).toBe(log.stats.dropped);
    expect(kept.length + log.stats.dropped).toBe(3_001);
    expect(kept).toEqual([...sent.slice(0, kept.length - 1), "the end\n"]);
  });

  test("is trusted again when it is quick again", async () => {
    const disk = new HeldDisk();
    const log = open({}, disk);
    await log.take("stdout", chunk);
    await log.take("stdout", chunk);
    expect(log.stats.waiting).toBe(0);
    disk.release();
    for (let at = 0; at < 40; at++) {
      await log.take("stdout", chunk);
      await log.flush();
    }
    await log.take("stdout", chunk);
    expect(textOf("stdout")).toBe(chunk.toString().repeat(43));
    await log.close();
  });
});

describe("a full disk", () => {
  test("costs messages, is said once, and is over when there is room", async () => {
    let full = false;
    const fail = (): never => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    };
    const disk: Disk = {
      writeSync: (fd, bytes, offset, length) => {
        // As a filesystem does: what fits is written, and the rest fails.
        if (full) return offset === 0 ? realDisk.writeSync(fd, bytes, 0, Math.min(length, 100)) : fail();
        return realDisk.writeSync(fd, bytes, offset, length);
      },
      write: fail,
    };
    const said: string[] = [];
    const log = open({}, disk, (line) => said.push(line));
    await log.take("stdout", Buffer.from("before\n"));
    full = true;
    await log.take("stdout", Buffer.from("one\ntwo\nthree\n"));
    await log.take("stdout", Buffer.from("four\n".repeat(50)));
    expect(lines().every((line) => line.endsWith("\n"))).toBe(true);
    full = false;
    await log.take("stdout", Buffer.from("after\n"));
    await log.close();
    expect(said).toEqual([expect.stringContaining("ENOSPC")]);
    const kept = entries().map((entry) => entry.log);
    expect(kept[0]).toBe("before\n");
    expect(kept.at(-1)).toBe("after\n");
    const told = kept.flatMap((text) => /^mdocker: (\d+) messages? /.exec(text)?.[1] ?? []).map(Number);
    expect(told.reduce((a, b) => a + b, 0)).toBe(log.stats.dropped);
    expect(kept.length - told.length + log.stats.dropped).toBe(1 + 3 + 50 + 1);
  });
});

describe("the options of a log", () => {
  test("are docker's", () => {
    expect(parseLogOptions("", {})).toEqual({
      driver: "json-file",
      maxSize: undefined,
      maxFile: 1,
      mode: "blocking",
      bufferSize: 1024 ** 2,
      details: { labels: [], env: [], tag: undefined },
    });
    expect(
      parseLogOptions("json-file", {
        "max-size": "10m",
        "max-file": "3",
        mode: "non-blocking",
        "max-buffer-size": "4k",
      }),
    ).toMatchObject({ maxSize: 10 * 1024 ** 2, maxFile: 3, mode: "non-blocking", bufferSize: 4096 });
  });

  test.each([
    ["syslog", {}, "--log-driver: syslog: expected json-file or none"],
    ["json-file", { "max-sise": "1m" }, "--log-opt: max-sise: did you mean max-size?"],
    ["json-file", { "max-size": "big" }, "--log-opt max-size: big: expected a size such as"],
    ["json-file", { "max-size": "0" }, "--log-opt max-size: 0: expected at least one byte"],
    ["json-file", { "max-file": "0" }, "--log-opt max-file: 0: expected a number of files from 1"],
    ["json-file", { mode: "fast" }, "--log-opt mode: fast: expected blocking or non-blocking"],
  ] as const)("refused: %s %j", (driver, options, message) => {
    expect(() => parseLogOptions(driver, options)).toThrow(message);
  });
});
