import { describe, expect, test } from "vitest";
import { parseLine } from "../../../src/cli/trace/line.ts";
import { parseSyscall, requireSampling } from "../../../src/cli/trace/sampler.ts";
import { renderTally } from "../../../src/cli/trace/table.ts";
import { Tally } from "../../../src/cli/trace/tally.ts";

describe("lines of strace", () => {
  test.each([
    ['12 read(0, ""..., 5) = 5 <0.000010>', { pid: 12, name: "read", failed: false, seconds: 0.00001 }],
    [
      "12    <... wait4 resumed>[{x(s) && y(s) == 0}], 0, NULL) = 26 <1.5>",
      { pid: 12, name: "wait4", failed: false, seconds: 1.5 },
    ],
    [
      "7 wait4(-1, 0x7f, WNOHANG, NULL) = -1 ECHILD (No child processes) <0.000008>",
      { pid: 7, name: "wait4", failed: true, errno: "ECHILD", seconds: 0.000008 },
    ],
    ["7 lseek(1, -1, SEEK_CUR) = -1 <0.1>", { pid: 7, name: "lseek", failed: false, seconds: 0.1 }],
    ["7 exit_group(0) = ?", { pid: 7, name: "exit_group", failed: false, seconds: 0 }],
    ["7 mmap(NULL, 8) = 0x7f00 <0.000002>", { pid: 7, name: "mmap", failed: false, seconds: 0.000002 }],
    ["7 poll([{fd=3}], 1, 5) = 0 (Timeout) <0.005>", { pid: 7, name: "poll", failed: false, seconds: 0.005 }],
    [
      "7 nanosleep({}, NULL) = ? ERESTART_RESTARTBLOCK (Interrupted by signal) <0.2>",
      { pid: 7, name: "nanosleep", failed: false, seconds: 0.2 },
    ],
    [
      '7 openat(AT_FDCWD, "a = 5 <9.9>") = -1 ENOENT (No such file or directory) <0.000003>',
      { pid: 7, name: "openat", failed: true, errno: "ENOENT", seconds: 0.000003 },
    ],
  ])("%s", (line, expected) => {
    expect(parseLine(line)).toEqual(expected);
  });

  test.each([
    "10896 rt_sigtimedwait(~[], NULL, NULL, 8 <unfinished ...>",
    "5 --- SIGCHLD {si_signo=SIGCHLD} ---",
    "5 +++ exited with 0 +++",
    "strace: Process 5 attached",
    "",
  ])("passes over %j", (line) => {
    expect(parseLine(line)).toBeUndefined();
  });
});

test("what a thread is doing", () => {
  const name = (number: number) => `call${number}`;
  expect(parseSyscall("61 0xffffffff 0x7f 0x0\n", name)).toBe("call61");
  expect(parseSyscall("running\n", name)).toBe("running");
  expect(parseSyscall("-1 0x7f 0x7f\n", name)).toBe("blocked");
});

test("a kernel that does not tell what threads are doing is not looked at in vain", () => {
  expect(() => requireSampling(() => false)).toThrow(/this kernel does not tell .*: install strace/);
  expect(() => requireSampling(() => true)).not.toThrow();
});

test("adds up by process and over all, and shows each one's part", () => {
  const tally = new Tally();
  tally.add("sh", 7, "read", { seconds: 0.002 });
  tally.add("sh", 7, "read", { seconds: 0.001, errors: 1 });
  tally.add("sleep", 8, "read", { seconds: 0.003 });
  tally.add("sleep", 9, "write", { seconds: 2 });
  const plain = { dim: String, bold: String, colour: (_: number, text: string) => text };
  const style = { sampled: false, blocks: false, colours: plain };
  expect(renderTally(tally.rows(), style).split("\n")).toEqual([
    "PROCESS               SYSCALL   CALLS   ERRORS   TIME      EACH      SHARE",
    "sleep (2 processes)   write     1                2.000s    2.000s     99.7% ##########",
    "sh (7)                read      2       1        3.000ms   1.500ms     0.1% ..........",
    "sleep (2 processes)   read      1                3.000ms   3.000ms     0.1% ..........",
    "",
  ]);
  expect(
    renderTally(tally.summary(), { ...style, sampled: true })
      .split("\n")
      .slice(0, 2),
  ).toEqual(["DOING   SEEN   SHARE", "write   1       25.0% ###......."]);
});
