import { describe, expect, test } from "vitest";
import { describeProcess } from "../../../src/container/processes.ts";
import { pickProcesses } from "../../../src/container/top.ts";

describe("the lines of ps that are about a container", () => {
  const output = `UID        PID  PPID  C STIME TTY          TIME CMD
root         1     0  0 03:13 ?        00:00:00 /sbin/init  quiet
root        11     1  0 03:13 ?        00:00:00 /bin/sh -c a  b
root       111    11  0 03:13 ?        00:00:00
`;
  test("by pid, never by a part of one; the last column may hold blanks or nothing", () => {
    expect(pickProcesses(output, new Set([11, 111]))).toEqual({
      Titles: "UID PID PPID C STIME TTY TIME CMD".split(" "),
      Processes: [
        ["root", "11", "1", "0", "03:13", "?", "00:00:00", "/bin/sh -c a b"],
        ["root", "111", "11", "0", "03:13", "?", "00:00:00", ""],
      ],
    });
    expect(pickProcesses(output, new Set([2])).Processes).toEqual([]);
  });

  test("threads belong to the process above them", () => {
    const threads = "  PID   TID CMD\n    5     - a\n    -     5 -\n    6     - b\n    -     6 -\n";
    expect(pickProcesses(threads, new Set([6])).Processes).toEqual([
      ["6", "-", "b"],
      ["-", "6", "-"],
    ]);
  });

  test("without a column PID it cannot be told", () => {
    expect(() => pickProcesses("COMMAND\nsh\n", new Set([1]))).toThrow("no column PID");
  });
});

describe("a row without ps", () => {
  const now = new Date(2026, 4, 6, 12, 30).getTime();
  const context = {
    bootTime: now - 100_000_000,
    now,
    userName: (uid: number) => (uid === 0 ? "root" : undefined),
  };
  /** utime 14, stime 15, starttime 22. */
  const stat = (name: string, terminal: number, cpu: number, start: number) =>
    `7 (${name}) S 3 7 7 ${terminal} 7 4194560 1 2 3 4 ${cpu} 0 0 0 20 0 1 0 ${start} 1000 100`;

  test("with a name that looks like fields, on a terminal, an hour old", () => {
    const start = 100_000_00 - 3600 * 100;
    const facts = {
      pid: 7,
      uid: 0,
      stat: stat("a) S (b", 34818, 90_000, start),
      commandLine: "sh\0-c\0x y\0",
    };
    expect(describeProcess(facts, context)).toEqual([
      "root",
      "7",
      "3",
      "25",
      "11:30",
      "pts/2",
      "00:15:00",
      "sh -c x y",
    ]);
  });

  test("a kernel thread, of an unknown user, from another day", () => {
    const facts = { pid: 7, uid: 1234, stat: stat("kworker", 0, 0, 0), commandLine: "" };
    expect(describeProcess(facts, context)).toEqual([
      "1234",
      "7",
      "3",
      "0",
      "May05",
      "?",
      "00:00:00",
      "[kworker]",
    ]);
  });

  test("control characters do not reach the terminal", () => {
    const facts = { pid: 7, uid: 0, stat: stat("x", 0, 0, 0), commandLine: "\x1b[2J\0" };
    expect(describeProcess(facts, context).at(-1)).toBe("?[2J");
  });
});
