import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeTestHost, type TestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft, settled } from "../../harness/snapshot.ts";
import { endSupervisor, supervisorOf } from "../../harness/supervisor.ts";
import { deaf, polite, recordOf } from "./background.ts";

let host: TestHost;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ host, close } = await makeTestHost({ image: await sharedLabImage() }));
});
afterEach(async () => {
  const left = (await host.mdocker(["ps", "-aq"])).stdout.split("\n").filter(Boolean);
  if (left.length > 0) await host.mdocker(["rm", "-f", ...left]);
});
afterAll(async () => {
  try {
    await endSupervisor(host.place);
    await expectNothingLeft(host.fresh);
  } finally {
    await close();
  }
});

async function works(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
  return stdout;
}

/** A detached container whose supervisor has then been killed. */
async function alone(name: string, script: string, ...flags: readonly string[]): Promise<void> {
  await works("run", "-d", "--net", "none", "--name", name, ...flags, "/bin/sh", "-c", script);
  await endSupervisor(host.place, "SIGKILL");
}

/** A supervisor that was killed leaves its socket to the next one; of the container there is nothing left. */
async function expectOnlySocket(): Promise<void> {
  const { left } = await settled(host.fresh, 5_000, ({ line }) => line.endsWith("/mdocker.sock"));
  expect(left).toEqual([]);
}

// None of these commands needs a supervisor, and none starts one.
describe("a detached container without its supervisor", () => {
  afterEach(() => {
    expect(supervisorOf(host.place)).toBeUndefined();
  });

  test("is stopped, waited for and removed", async () => {
    await alone("one", polite);
    const waiting = host.start(["wait", "one"]);
    expect(await works("stop", "one")).toBe("one\n");
    expect(await waiting.ended).toMatchObject({ code: 0, stdout: "5\n" });
    expect(await recordOf(host, "one")).toMatchObject({
      state: "exited",
      exit: { code: 5, reason: "stopped" },
    });
    // Twice is once.
    expect(await works("stop", "one")).toBe("one\n");
    expect(await works("wait", "one")).toBe("5\n");
    expect(await works("rm", "one")).toBe("one\n");
    await expectOnlySocket();
  });

  test("is killed after the timeout, and by kill and rm -f", async () => {
    await alone("two", deaf);
    await works("stop", "-t", "0", "two");
    expect(await recordOf(host, "two")).toMatchObject({ exit: { code: 137, reason: "killed" } });
    await works("rm", "two");
    await alone("three", deaf);
    await works("rm", "-f", "three");
    await expectOnlySocket();
  });

  test("is paused, renamed and updated, and stopped while it is paused", async () => {
    await alone("four", polite, "--restart", "always");
    await works("pause", "four");
    await works("rename", "four", "five");
    await works("update", "--memory", "64m", "five");
    expect(await recordOf(host, "five")).toMatchObject({
      name: "five",
      state: "paused",
      resources: { memory: { limit: 64 * 1024 ** 2 } },
    });
    await works("stop", "five");
    expect(await recordOf(host, "five")).toMatchObject({
      state: "exited",
      exit: { code: 5, reason: "stopped" },
    });
    expect(await works("prune", "-f")).toMatch(
      /^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: /,
    );
    await expectOnlySocket();
  });
});

describe("the next supervisor", () => {
  test("finds what was done meanwhile", async () => {
    await alone("changed", polite, "--restart", "unless-stopped");
    await works("rename", "changed", "renamed");
    await works("update", "--pids-limit", "33", "renamed");
    await works("stop", "renamed");
    // It is not started again: it was stopped.
    await works("events", "--until", "0");
    expect(supervisorOf(host.place)).toBeDefined();
    expect(await recordOf(host, "renamed")).toMatchObject({ state: "exited", exit: { reason: "stopped" } });
    await works("start", "renamed");
    expect(await recordOf(host, "renamed")).toMatchObject({
      state: "running",
      resources: { pids: { limit: 33 } },
    });
    await works("rm", "-f", "renamed");
  });

  test("goes on with a paused container", async () => {
    await alone("held", polite);
    await works("pause", "held");
    await works("events", "--until", "0");
    expect((await recordOf(host, "held")).state).toBe("paused");
    await works("unpause", "held");
    await works("stop", "held");
    expect(await works("logs", "held")).toBe("ready\nbye\n");
  });
});
