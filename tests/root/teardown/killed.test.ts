import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ContainerRecord } from "../../../src/container/record.ts";
import type { Running } from "../../harness/command.ts";
import { makeTestHost, type TestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft, settled } from "../../harness/snapshot.ts";

let host: TestHost;
let close: () => Promise<void>;
/** Milliseconds that cover a whole start. */
let span: number;
beforeAll(async () => {
  ({ host, close } = await makeTestHost({ image: await sharedLabImage() }));
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

/** Waits until no process runs for the instance any more: nobody tells when the last one has ended. */
async function everythingEnded(): Promise<void> {
  const { left } = await settled(host.fresh, 10_000, ({ kind }) => kind !== "processes");
  expect(left).toEqual([]);
}

/** gc, which must have no failure to report. */
async function collect(): Promise<void> {
  const { code, stdout, stderr } = await host.mdocker(["gc"]);
  expect({ code, stderr, stdout }).toEqual({
    code: 0,
    stderr: "",
    stdout: expect.not.stringContaining("could not"),
  });
}

async function record(name: string): Promise<ContainerRecord> {
  const [found] = JSON.parse((await host.mdocker(["inspect", name])).stdout) as [ContainerRecord];
  return found;
}

async function startNamed(name: string, ...flags: readonly string[]): Promise<Running> {
  // The shell has a child, that must end too.
  const script = "sleep 1000 & echo up; wait";
  const running = host.start(["run", "--name", name, ...flags, "/bin/bash", "-c", script]);
  await running.says(/^up$/m);
  return running;
}

function kill(...processes: readonly ({ readonly pid: number } | undefined)[]): void {
  for (const found of processes) process.kill(found?.pid ?? expect.unreachable(), "SIGKILL");
}

const ways = [
  ["the next run", () => host.mdocker(["run", "--name", "one", "/bin/true"])],
  ["gc", () => host.mdocker(["gc"])],
] as const;

describe.each(ways)("%s removes what is left after kill -9 of", (_, next) => {
  async function cleanedUp(running: Running): Promise<void> {
    await running.ended;
    await everythingEnded();
    expect(await next()).toMatchObject({ code: 0, stderr: "" });
    await expectNothingLeft(host.fresh);
  }

  test.each([
    [[]],
    [["--net", "none", "-m", "64m"]],
    [["--init=false"]],
    [["--init=false", "--user", "1000:1000"]],
  ])("mdocker, run with %s", async (flags) => {
    const running = await startNamed("one", ...flags);
    running.child.kill("SIGKILL");
    await cleanedUp(running);
  });

  test.each([[[]], [["--init=false"]], [["--init=false", "--user", "1000:1000"]]])(
    "mdocker and the monitor at once, run with %s",
    async (flags) => {
      const running = await startNamed("one", ...flags);
      const { monitor } = await record("one");
      kill({ pid: running.pid }, monitor);
      await cleanedUp(running);
    },
  );

  test("the monitor and mdocker, in this order", async () => {
    const running = await startNamed("one");
    const { monitor } = await record("one");
    kill(monitor, { pid: running.pid });
    await cleanedUp(running);
  });
});

describe("mdocker takes everything back after kill -9 of", () => {
  test.each([[[]], [["--init=false", "--user", "1000:1000"]]])("the monitor, run with %s", async (flags) => {
    const running = await startNamed("one", ...flags);
    kill((await record("one")).monitor);
    expect(await running.ended).toMatchObject({
      code: 2,
      stderr: "mdocker: the monitor of the container is gone; the container was ended\n",
    });
    await expectNothingLeft(host.fresh);
  });

  test("pid 1", async () => {
    const running = await startNamed("one");
    kill((await record("one")).init);
    expect(await running.ended).toMatchObject({ code: 137, stderr: "" });
    await expectNothingLeft(host.fresh);
  });
});

describe("kill -9 of mdocker at any moment of a start", () => {
  /** All moments of a start, in an order without order. */
  const moments = (count: number): number[] =>
    Array.from({ length: count }, (_, i) => ((i * 37) % count) * (span / count));

  test.each([
    ["gc", []],
    ["gc", ["--net", "none", "--cpus", "0.5"]],
    ["the next run of that name", ["--name", "one"]],
  ] as const)(
    "is mended by %s, run with %s",
    async (way, flags) => {
      for (const ms of moments(60)) {
        const running = host.start(["run", ...flags, "/bin/sleep", "1000"]);
        await pause(ms);
        running.child.kill("SIGKILL");
        expect((await running.ended).code).toBe(137);
        if (way === "gc") continue;
        await everythingEnded();
        const next = await host.mdocker(["run", ...flags, "/bin/true"]);
        expect({ ms, ...next }).toMatchObject({ ms, code: 0, stderr: "" });
      }
      await everythingEnded();
      await collect();
      await expectNothingLeft(host.fresh);
    },
    120_000,
  );
});

describe("gc", () => {
  test("twice, and two at once, leaves running containers alone", async () => {
    const running = await Promise.all(["one", "two", "three"].map((name) => startNamed(name)));
    const [first, second, third] = running;
    const before = await Promise.all(["one", "two", "three"].map(record));
    await collect();
    await collect();
    await Promise.all([collect(), collect()]);
    expect(await Promise.all(["one", "two", "three"].map(record))).toEqual(before);
    // Now with something to do, and with somebody who starts meanwhile.
    first?.child.kill("SIGKILL");
    third?.child.kill("SIGKILL");
    await Promise.all([first?.ended, third?.ended]);
    const others = [0, 1, 2, 3].map(() => host.mdocker(["run", "/bin/true"]));
    await Promise.all([collect(), collect()]);
    for (const other of others) expect(await other).toMatchObject({ code: 0, stderr: "" });
    const [survivor] = before.filter(({ name }) => name === "two");
    expect(await record("two")).toEqual(survivor);
    second?.child.kill("SIGTERM");
    expect((await second?.ended)?.code).toBe(143);
    await everythingEnded();
    await collect();
    await expectNothingLeft(host.fresh);
  });

  test("finds what an interrupted removal or write has left", async () => {
    const { root, state } = host.place;
    const id = "f".repeat(64);
    const dead = 2 ** 22 + 1;
    const left = [
      join(state, "containers", id, "exit"),
      join(state, "orphans", id, "note"),
      join(state, "networks", `x.json.${dead}.1.tmp`),
      join(state, "networks", "bridge", `leases.json.${dead}.7.tmp`),
      join(root, "containers", `.${dead}-1`, "record.json"),
      join(root, "containers", "e".repeat(64), "record.json"),
    ];
    const mine = join(state, "networks", "bridge", `leases.json.${process.pid}.7.tmp`);
    for (const path of [...left, mine]) {
      mkdirSync(join(path, ".."), { recursive: true });
      writeFileSync(path, "{");
    }
    await host.hostRun(["ln", "-s", id, join(root, "names", "stale")]);
    await collect();
    // Its writer lives.
    expect(existsSync(mine)).toBe(true);
    await host.hostRun(["rm", mine]);
    await expectNothingLeft(host.fresh);
    await host.hostRun(["test", "!", "-L", join(root, "names", "stale")]);
  });
});
