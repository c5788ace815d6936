import { describe, expect, test } from "vitest";
import { keepsBounds } from "../../scripts/bench/bench.ts";
import { interleave, median } from "../../scripts/bench/measure.ts";
import { table } from "../../scripts/bench/table.ts";
import { runCommand, startCommand } from "../harness/command.ts";
import { allowedProcessors } from "../harness/machine.ts";
import { changes, type Snapshot } from "../harness/snapshot.ts";
import { onTerminal } from "../harness/terminal.ts";

const env = { PATH: process.env["PATH"] };

describe("commands of the harness", () => {
  test("give back code, stdout and stderr, each on its own", async () => {
    const result = await runCommand(["sh", "-c", "cat; echo bad >&2; exit 3"], { env, input: "good" });
    expect(result).toEqual({ code: 3, stdout: "good", stderr: "bad\n" });
  });

  test("give the code a shell would show after a signal", async () => {
    const { code } = await runCommand(["sh", "-c", "kill -TERM $$"], { env });
    expect(code).toBe(143);
  });

  test("fail with what was said when they take too long", async () => {
    const late = runCommand(["sh", "-c", "echo begun; exec sleep 1000"], { env, deadline: 200 });
    await expect(late).rejects.toThrow(/still running after 200 ms:\nbegun/);
  });

  test("can be waited for by what they say", async () => {
    const running = startCommand(["sh", "-c", "echo address 10.0.0.2; cat"], { env });
    const [, address] = await running.says(/address (\S+)\n/);
    expect(address).toBe("10.0.0.2");
    running.child.stdin.end();
    await expect(running.says(/never/)).rejects.toThrow("ended without saying /never/");
  });

  test("that do not exist are errors", async () => {
    await expect(runCommand(["/no/such/program"], { env })).rejects.toThrow("ENOENT");
  });
});

describe("the difference of two snapshots", () => {
  const place = { root: "/r", state: "/s", prefix: "p" };
  const none = { links: [], rules: [], mounts: [], cgroups: [], processes: [], files: [] };
  const with_ = (lines: Partial<Snapshot["lines"]>): Snapshot => ({ place, lines: { ...none, ...lines } });

  test("is empty for the same lines in another order", () => {
    expect(changes(with_({ links: ["a", "b"] }), with_({ links: ["b", "a"] }))).toEqual([]);
  });

  test("counts equal lines", () => {
    expect(changes(with_({ mounts: ["m"] }), with_({ mounts: ["m", "m"] }))).toEqual([
      { kind: "mounts", sign: "+", line: "m" },
    ]);
  });

  test("shows what is missing too", () => {
    expect(changes(with_({ rules: ["r"] }), with_({ files: ["f"] }))).toEqual([
      { kind: "rules", sign: "-", line: "r" },
      { kind: "files", sign: "+", line: "f" },
    ]);
  });
});

test("a terminal's command survives the shell in between", async () => {
  const word = `it's "quoted" $HOME \\ and *`;
  const { stdout } = await runCommand(onTerminal(["printf", "%s", word]), { env });
  expect(stdout).toBe(word);
});

describe("the bench", () => {
  test("takes the middle value", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([1, 2, 3, 10])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test("does its variants in turn, and forgets the warm-up", async () => {
    const order: string[] = [];
    let value = 0;
    const variant = (name: string) => ({
      name,
      once: () => {
        order.push(name);
        value += 1;
        return value;
      },
    });
    const measured = await interleave(2, [variant("a"), variant("b")], 1);
    expect(order.join("")).toBe("ababab");
    expect(measured).toEqual([
      { name: "a", median: 4, samples: [3, 5] },
      { name: "b", median: 5, samples: [4, 6] },
    ]);
  });

  test("knows a bound that is kept from one that is not, and from none", () => {
    expect(keepsBounds({ to: "x", value: 2, atMost: 2 })).toBe(true);
    expect(keepsBounds({ to: "x", value: 2.01, atMost: 2 })).toBe(false);
    expect(keepsBounds({ to: "x", value: 4.9, atLeast: 5 })).toBe(false);
    expect(keepsBounds({ to: "x", value: Number.NaN, atMost: 2 })).toBe(false);
    expect(keepsBounds({ to: "", value: -5, atMost: 4 })).toBe(true);
    expect(keepsBounds({ to: "x", value: 1 })).toBeUndefined();
  });

  test("prints a table", () => {
    const text = table("start", [
      { label: "mdocker", value: 46.123, unit: "ms", ratio: { to: "node", value: 1.92, atMost: 2 } },
      { label: "docker", unit: "ms", note: "not installed" },
    ]);
    expect(text).toBe(
      [
        "start    median  ratio        must be    kept",
        "------------------------------------------------------------",
        "mdocker  46.1ms  1.92 x node  at most 2  yes",
        "docker   -                                     not installed",
      ].join("\n"),
    );
  });
});

test("the processors that may be used are read from ranges and single ones", () => {
  expect(allowedProcessors("Name:\tx\nCpus_allowed_list:\t0-2,5,7-8\n")).toEqual([0, 1, 2, 5, 7, 8]);
  expect(allowedProcessors("Cpus_allowed_list:\t3\n")).toEqual([3]);
});
