import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Running } from "../../harness/command.ts";
import { makeTestHost, type TestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

let host: TestHost;
let close: () => Promise<void>;
/** Milliseconds that cover a whole start. */
let span: number;
beforeAll(async () => {
  ({ host, close } = await makeTestHost({ image: await sharedLabImage() }));
  // The network stays from here on: what is interrupted below is the start of a container.
  expect((await host.mdocker(["run", "/bin/true"])).code).toBe(0);
  const begin = performance.now();
  expect((await host.mdocker(["run", "/bin/true"])).code).toBe(0);
  span = Math.max(120, 1.5 * (performance.now() - begin));
});
afterAll(async () => {
  try {
    expect((await host.mdocker(["gc", "--networks"])).code).toBe(0);
    await expectNothingLeft(host.fresh, "gone");
  } finally {
    await close();
  }
});

function shell(script: string): Running {
  return host.start(["run", "/bin/bash", "-c", script]);
}

const signals = [
  ["SIGHUP", 1],
  ["SIGINT", 2],
  ["SIGQUIT", 3],
  ["SIGTERM", 15],
] as const;

describe.each(signals)("%s", (name, number) => {
  test("ends a command that does not trap it, with 128 and the signal", async () => {
    // Not a shell: bash ignores SIGQUIT.
    const running = host.start(["run", "-i", "/bin/cat"]);
    running.child.stdin.write("up\n");
    await running.says(/^up$/m);
    running.child.kill(name);
    expect(await running.ended).toMatchObject({ code: 128 + number, stderr: "" });
    await expectNothingLeft(host.fresh);
  });

  test("reaches a command that traps it, whose own exit code it is then", async () => {
    const running = shell(
      `trap 'echo got it; exit 7' ${name.slice(3)}; echo up; while :; do sleep 0.1; done`,
    );
    await running.says(/^up$/m);
    running.child.kill(name);
    expect(await running.ended).toMatchObject({ code: 7, stdout: "up\ngot it\n", stderr: "" });
    await expectNothingLeft(host.fresh);
  });
});

describe("a command that ignores", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("%s is killed by the third", async (name) => {
    // bash forgets a signal that comes while its trap runs, and a SIGINT that comes as a child ends.
    const loop = 'while :; do case "$n" in 1) n=0; echo no; esac; done';
    const running = shell(`trap n=1 ${name.slice(3)}; echo up; ${loop}`);
    await running.says(/^up$/m);
    running.child.kill(name);
    await running.says(/^no$/m);
    running.child.kill(name);
    await running.says(/^no\nno$/m);
    running.child.kill(name);
    expect((await running.ended).code).toBe(137);
    await expectNothingLeft(host.fresh);
  });
});

test("Ctrl-C on a terminal ends what runs there, and the shell in it stays", async () => {
  const running = host.terminal(["run", "/bin/bash", "--norc"]);
  await running.says(/# $/);
  // What cat says proves that it is in the foreground: a key pressed while bash is about to start it may get lost.
  running.child.stdin.write("echo st''arted; cat\n");
  await running.says(/^started/m);
  running.child.stdin.write("typed\n");
  await running.says(/typed\r\ntyped\r\n/);
  running.child.stdin.write("\x03");
  await running.says(/\^C[\s\S]*# $/);
  running.child.stdin.write("exit 5\n");
  expect((await running.ended).code).toBe(5);
  await expectNothingLeft(host.fresh);
});

/** Milliseconds after which a start is interrupted: all its moments, in an order without order. */
function moments(count: number): number[] {
  return Array.from({ length: count }, (_, i) => ((i * 37) % count) * (span / count));
}

describe("a start that is interrupted at any moment ends with 128 and the signal, and leaves nothing", () => {
  test.each([
    ["SIGINT", ["--net", "none"], 130],
    ["SIGINT", [], 130],
    ["SIGTERM", ["--keep", "-m", "64m"], 143],
  ] as const)(
    "%s, run %s",
    async (name, flags, code) => {
      for (const ms of moments(60)) {
        const running = host.start(["run", ...flags, "/bin/sleep", "1000"]);
        await pause(ms);
        running.child.kill(name);
        const { code: seen, stderr } = await running.ended;
        expect({ ms, code: seen }).toEqual({ ms, code });
        expect(stderr).toMatch(/^(mdocker: interrupted by \w+: nothing was started\n)?$/);
      }
      // Of those that had begun to run, --keep keeps what it is for.
      const kept = (await host.mdocker(["ps", "-aq"])).stdout.split("\n").filter((id) => id !== "");
      if (flags[0] !== "--keep") expect(kept).toEqual([]);
      for (const id of kept) expect((await host.mdocker(["rm", id])).code).toBe(0);
      await expectNothingLeft(host.fresh);
    },
    120_000,
  );
});
