import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ContainerLog, openContainerLog } from "../../../src/logs/container-log.ts";
import { detailsOf, shownDetails } from "../../../src/logs/details.ts";
import type { LogEntry } from "../../../src/logs/entry.ts";
import { compareMoments, momentOf, parseMoment } from "../../../src/logs/moment.ts";
import { type DetailOptions, parseLogOptions } from "../../../src/logs/options.ts";
import { type ReadOptions, readLogs } from "../../../src/logs/read.ts";

// Not to be cut short where the machine is busy: what goes on after that would meet the next test.
vi.setConfig({ testTimeout: 60_000 });

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mdocker-log-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(options: Readonly<Record<string, string>> = {}): ContainerLog {
  const log = openContainerLog(
    { directory, say: (line) => expect.unreachable(line) },
    parseLogOptions("json-file", options),
  );
  if (log === undefined) throw new Error("no log");
  return log;
}

const file = (): string => join(directory, `${basename(directory)}-json.log`);
const both = { stdout: true, stderr: true };

async function read(options: Partial<ReadOptions> = {}): Promise<string[]> {
  const lines: string[] = [];
  for await (const { stream, line } of readLogs(directory, { ...both, ...options })) {
    lines.push(`${stream === "stdout" ? "" : "! "}${line}`);
  }
  return lines;
}

/** Empties the log's directory. */
function anew(): void {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
}

describe("a log that is read", () => {
  test("gives back what was written, whatever it was", async () => {
    const writes = fc.array(
      fc.record({
        stream: fc.constantFrom("stdout" as const, "stderr" as const),
        text: fc.oneof(
          fc.string({ unit: "binary" }),
          fc.string(),
          fc.constantFrom("x\n".repeat(300), "€".repeat(20_000)),
        ),
      }),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(writes, async (parts) => {
        anew();
        const log = open();
        for (const { stream, text } of parts) await log.take(stream, Buffer.from(text));
        await log.close();
        for (const name of ["stdout", "stderr"] as const) {
          const chunks: Buffer[] = [];
          const only = { stdout: name === "stdout", stderr: name === "stderr" };
          for await (const { stream, line } of readLogs(directory, only)) {
            expect(stream).toBe(name);
            chunks.push(line);
          }
          const written = parts.filter(({ stream }) => stream === name).map(({ text }) => text);
          expect(Buffer.concat(chunks).toString()).toBe(Buffer.from(written.join("")).toString());
        }
      }),
      { numRuns: 60 },
    );
  });

  test("gives back what each message tells of its container", async () => {
    const details = fc.dictionary(fc.string(), fc.string(), {
      minKeys: 1,
      maxKeys: 3,
      noNullPrototype: true,
    });
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom('","stream":"stderr","attrs":{}', ',"time":"x"}', "\\"),
    );
    await fc.assert(
      fc.asyncProperty(details, text, async (wanted, said) => {
        anew();
        const place = { directory, details: wanted, say: (line: string) => expect.unreachable(line) };
        const log = openContainerLog(place, parseLogOptions("json-file", {}));
        await log?.take("stdout", Buffer.from(`${said}\n`));
        await log?.close();
        const found: LogEntry[] = [];
        for await (const entry of readLogs(directory, both)) found.push(entry);
        expect(found.map(({ line }) => line.toString()).join("")).toBe(`${Buffer.from(said)}\n`);
        for (const entry of found) expect(entry.details).toEqual(JSON.parse(JSON.stringify(wanted)));
        expect(JSON.parse(readFileSync(file(), "utf8").split("\n")[0] ?? "")).toMatchObject({
          stream: "stdout",
        });
      }),
      { numRuns: 60 },
    );
  });

  test("tells labels, variables and a tag that were asked for", () => {
    const { details } = parseLogOptions("json-file", {
      labels: "a,none",
      env: "HOME",
      tag: "{{.Name}}/{{.ID}} {{.Else}}",
    }) as { details: DetailOptions };
    const found = detailsOf(details, {
      ...{ id: "0123456789ab".padEnd(64, "0"), name: "web", image: "lab", command: ["sh"] },
      ...{ labels: { a: "1 2", b: "3" }, env: ["HOME=/", "HOME=/root", "PATH=/bin"] },
    });
    expect(found).toEqual({ a: "1 2", HOME: "/root", tag: "web/0123456789ab {{.Else}}" });
    expect(shownDetails(found ?? {})).toBe("HOME=%2Froot,a=1+2,tag=web%2F0123456789ab+%7B%7B.Else%7D%7D");
  });

  test("of a container that has written nothing is empty", async () => {
    expect(await read()).toEqual([]);
    expect(await read({ tail: 5 })).toEqual([]);
    writeFileSync(file(), "");
    expect(await read()).toEqual([]);
    expect(await read({ tail: 5 })).toEqual([]);
    rmSync(directory, { recursive: true });
    expect(await read({ follow: new Promise(() => undefined) })).toEqual([]);
  });

  test("gives its tail, over all files, without what is torn", async () => {
    const lengths = fc.array(fc.nat(300), { maxLength: 60 });
    const torn = fc.constantFrom(
      "",
      '{"log":"to',
      '{"log":"torn\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}',
    );
    await fc.assert(
      fc.asyncProperty(
        lengths,
        fc.nat(70),
        fc.integer({ min: 500, max: 9_000 }),
        torn,
        async (sizes, tail, size, rest) => {
          anew();
          const log = open({ "max-size": String(size), "max-file": "1000" });
          const written = sizes.map((length, at) => `${at} ${"z".repeat(length)}\n`);
          for (const line of written) await log.take("stdout", Buffer.from(line));
          await log.close();
          appendFileSync(file(), rest);
          expect(await read()).toEqual(written);
          expect(await read({ tail })).toEqual(tail === 0 ? [] : written.slice(-tail));
        },
      ),
      { numRuns: 40 },
    );
  });

  test("finds the tail in long lines", async () => {
    const log = open();
    const line = `${"\u0001".repeat(16_000)}\n`;
    for (let at = 0; at < 30; at++) await log.take("stdout", Buffer.from(line));
    await log.close();
    expect(await read({ tail: 7 })).toEqual(Array(7).fill(line));
  });

  test("passes over lines that are none of its own", async () => {
    const stamp = '"time":"2026-01-01T00:00:00Z"}';
    const lines = [
      `{"log":"one\\n","stream":"stdout",${stamp}`,
      "",
      "{}",
      "\0\0\0",
      `{"log":"a"b\\n","stream":"stdout",${stamp}`,
      `{"log":"\\uzzzz\\n","stream":"stdout",${stamp}`,
      `{"log":"to{"log":"x\\n","stream":"stdout",${stamp}`,
      `{"log":"two \\/ \\u00e4\\n","stream":"stderr",${stamp}`,
      "x".repeat(2 ** 20),
      `{"log":"three\\n","stream":"stdout",${stamp}`,
    ];
    writeFileSync(file(), `${lines.join("\n")}\n`);
    expect(await read()).toEqual(["one\n", "! two / ä\n", "three\n"]);
  });

  test("is cut by time, to the nanosecond", async () => {
    const stamps = [
      "2026-01-01T00:00:00Z",
      "2026-01-01T00:00:00.5Z",
      "2026-01-01T00:00:00.500000001Z",
      "2026-01-01T00:00:02Z",
    ];
    writeFileSync(
      file(),
      stamps.map((time, at) => `{"log":"${at}\\n","stream":"stdout","time":"${time}"}\n`).join(""),
    );
    const at = (text: string) => parseMoment(text, "--since");
    expect(await read({ since: at("2026-01-01T00:00:00.5Z") })).toEqual(["1\n", "2\n", "3\n"]);
    expect(await read({ since: at("1767225600.500000001") })).toEqual(["2\n", "3\n"]);
    expect(await read({ until: at("2026-01-01T01:00:00.5+01:00") })).toEqual(["0\n", "1\n"]);
    expect(await read({ tail: 3, since: at("1767225600.500000001"), until: at("1767225601") })).toEqual([
      "2\n",
    ]);
  });
});

describe("a log that is followed", () => {
  test("shows every line once, in order, through rotation, until its container has ended", async () => {
    const log = open({ "max-size": "64k", "max-file": "4" });
    let finish = (): void => undefined;
    const follow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let seen = 0;
    let progress = (): void => undefined;
    const reading = (async () => {
      for await (const { line } of readLogs(directory, { ...both, follow })) {
        if (line.toString() !== `line ${seen}\n`) throw new Error(`${line} instead of ${seen}`);
        seen += 1;
        progress();
      }
    })();
    let sent = 0;
    for (let burst = 0; burst < 200; burst++) {
      const lines = Array.from({ length: 1 + (burst % 50) * 20 }, () => `line ${sent++}\n`);
      await log.take("stdout", Buffer.from(lines.join("")));
      // Never further ahead than the files reach back.
      while (sent - seen > 1_000) {
        await new Promise<void>((resolve) => {
          progress = resolve;
        });
      }
    }
    await log.close();
    finish();
    await reading;
    expect(seen).toBe(sent);
    expect(readdirSync(directory).length).toBe(4);
  });

  test("ends when it is asked to, when its time is over, and when it is removed", async () => {
    await open().close();
    const never = new Promise(() => undefined);
    const controller = new AbortController();
    const reading = read({ follow: never, signal: controller.signal });
    controller.abort();
    expect(await reading).toEqual([]);
    const until = parseMoment(String(Math.floor(Date.now() / 1000) - 1), "--until");
    expect(await read({ follow: never, until })).toEqual([]);
    const log = open();
    await log.take("stdout", Buffer.from("one\n"));
    const removed: string[] = [];
    for await (const { line } of readLogs(directory, { ...both, follow: never })) {
      removed.push(line.toString());
      if (removed.length === 1) await log.take("stdout", Buffer.from("two\n"));
      else rmSync(directory, { recursive: true });
    }
    await log.close();
    expect(removed).toEqual(["one\n", "two\n"]);
  });

  test("goes on when its writer was killed and another mends the end", async () => {
    const log = open();
    await log.take("stdout", Buffer.from("one\n"));
    await log.close();
    let finish = (): void => undefined;
    const follow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    appendFileSync(file(), '{"log":"to');
    const lines: string[] = [];
    for await (const { line } of readLogs(directory, { ...both, follow })) {
      lines.push(line.toString());
      if (lines.length > 1) continue;
      const next = open();
      await next.take("stdout", Buffer.from("a longer line\n"));
      await next.close();
      finish();
    }
    expect(lines).toEqual(["one\n", "a longer line\n"]);
  });

  test("shows what another process writes", async () => {
    await open().close();
    const script = `const fs = require("fs"); const path = ${JSON.stringify(file())};
      process.stdin.on("data", (data) => fs.appendFileSync(path, data));`;
    const writer = spawn(process.execPath, ["-e", script], { stdio: ["pipe", "inherit", "inherit"] });
    const exited = once(writer, "exit");
    let count = 0;
    const say = (): void => {
      writer.stdin.write(`{"log":"${count}\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n`);
    };
    say();
    for await (const { line } of readLogs(directory, { ...both, follow: exited })) {
      expect(line.toString()).toBe(`${count}\n`);
      count += 1;
      if (count < 50) say();
      else writer.stdin.end();
    }
    expect(count).toBe(50);
  });
});

describe("a moment", () => {
  test.each([
    ["1767225600", 1_767_225_600, 0],
    ["1767225600.25", 1_767_225_600, 250_000_000],
    ["1767225600.000000001", 1_767_225_600, 1],
    ["2026-01-01T00:00:00Z", 1_767_225_600, 0],
    ["2026-01-01T02:00:00.000000007+02:00", 1_767_225_600, 7],
    ["2026-01-01T00:00Z", 1_767_225_600, 0],
    ["2026-01-01Z", 1_767_225_600, 0],
    ["10m", 9_400, 0],
    ["1h30m", 4_600, 0],
    ["1.5s", 9_998, 500_000_000],
    ["-10s", 10_010, 0],
    ["0", 0, 0],
  ])("%s", (text, seconds, nanoseconds) => {
    expect(parseMoment(text, "--since", 10_000_000)).toEqual({ seconds, nanoseconds });
  });

  test("without a zone is local", () => {
    const local = new Date(2026, 0, 2, 3, 4, 5).getTime() / 1000;
    expect(parseMoment("2026-01-02T03:04:05", "--since").seconds).toBe(local);
    expect(parseMoment("2026-01-02", "--since").seconds).toBe(new Date(2026, 0, 2).getTime() / 1000);
  });

  test.each(["", "yesterday", "2026-13-01", "1h30", "5 m", "2026-01-01T"])("not %j", (text) => {
    expect(() => parseMoment(text, "--since")).toThrow(/^--since: .*expected a time such as/);
  });

  test("is ordered as its stamp says", () => {
    const stamps = [
      "2026-01-01T00:00:00Z",
      "2026-01-01T00:00:00.000001Z",
      "2026-01-01T00:00:00.1Z",
      "2026-01-01T00:00:01Z",
    ];
    for (const [at, stamp] of stamps.entries()) {
      for (const [other, that] of stamps.entries()) {
        expect(Math.sign(compareMoments(momentOf(stamp), momentOf(that)))).toBe(Math.sign(at - other));
      }
    }
  });
});
