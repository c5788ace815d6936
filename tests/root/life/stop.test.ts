import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ContainerRecord } from "../../../src/container/record.ts";
import type { Running } from "../../harness/command.ts";
import { makeTestHost, type TestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

let host: TestHost;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ host, close } = await makeTestHost({ image: await sharedLabImage() }));
});
afterAll(async () => {
  try {
    await expectNothingLeft(host.fresh);
  } finally {
    await close();
  }
});

const polite =
  'trap "echo bye; exit 5" TERM; trap "echo usr; exit 6" USR1; echo ready; while :; do sleep 0.05; done';
const deaf = 'trap "" TERM; echo ready; while :; do sleep 0.05; done';

/** A container in the foreground of a process of its own, whose script has said `ready`. */
async function background(name: string, script: string, flags: readonly string[] = []): Promise<Running> {
  const words = ["run", "--keep", "--net", "none", "--name", name, ...flags, "/bin/sh", "-c", script];
  const running = host.start(words);
  await running.says(/ready/);
  return running;
}

/** How the container ended, after which it is removed. */
async function endOf(name: string, running: Running): Promise<ContainerRecord["exit"] & { said: number }> {
  const { code } = await running.ended;
  const [record] = JSON.parse((await host.mdocker(["inspect", name])).stdout) as [ContainerRecord];
  expect(record.state).toBe("exited");
  expect((await host.mdocker(["rm", name])).code).toBe(0);
  if (record.exit === undefined) throw new Error(`${name} has no exit record`);
  return { ...record.exit, said: code };
}

describe("stop", () => {
  test("asks by SIGTERM, and the reason is recorded", async () => {
    const running = await background("polite", polite);
    expect(await host.mdocker(["stop", "polite"])).toEqual({ code: 0, stdout: "polite\n", stderr: "" });
    expect(await endOf("polite", running)).toMatchObject({ code: 5, said: 5, reason: "stopped" });
    expect(running.output()).toBe("ready\nbye\n");
  });

  test("kills after the timeout", async () => {
    const running = await background("deaf", deaf);
    expect(await host.mdocker(["stop", "-t", "1", "deaf"])).toMatchObject({ code: 0, stdout: "deaf\n" });
    expect(await endOf("deaf", running)).toMatchObject({ code: 137, said: 137, reason: "killed" });
  });

  test("waits without end where asked to, while another may be less patient", async () => {
    const running = await background("both", deaf);
    const patient = host.start(["stop", "--timeout=-1", "both"]);
    const other = await host.mdocker(["stop", "-t0", "both"]);
    expect(other).toMatchObject({ code: 0, stdout: "both\n" });
    expect(await patient.ended).toMatchObject({ code: 0, stdout: "both\n" });
    expect(await endOf("both", running)).toMatchObject({ code: 137, reason: "killed" });
  });

  test("sends the signal that was asked for, at the start or now", async () => {
    const own = await background("own", polite, ["--stop-signal", "USR1"]);
    expect((await host.mdocker(["stop", "own"])).code).toBe(0);
    expect(await endOf("own", own)).toMatchObject({ code: 6, reason: "stopped" });
    const now = await background("now", polite);
    expect((await host.mdocker(["stop", "-s", "SIGUSR1", "now"])).code).toBe(0);
    expect(await endOf("now", now)).toMatchObject({ code: 6, reason: "stopped" });
  });

  test("ends several at once, and is content with those that have ended", async () => {
    const running = await Promise.all(["a", "b", "c"].map((name) => background(name, polite)));
    expect(await host.mdocker(["stop", "a", "b", "c"])).toMatchObject({ code: 0, stdout: "a\nb\nc\n" });
    expect(await host.mdocker(["stop", "c", "nobody", "a"])).toEqual({
      code: 1,
      stdout: "c\na\n",
      stderr: "mdocker: no such container: nobody\n",
    });
    for (const [at, name] of ["a", "b", "c"].entries()) {
      expect(await endOf(name, running[at] as Running)).toMatchObject({ code: 5, reason: "stopped" });
    }
  });

  test("leaves nothing of a container that is not kept", async () => {
    const running = host.start(["run", "--net", "none", "--name", "gone", "/bin/sh", "-c", polite]);
    await running.says(/ready/);
    expect((await host.mdocker(["stop", "gone"])).code).toBe(0);
    expect((await running.ended).code).toBe(5);
    await expectNothingLeft(host.fresh);
  });

  test("returns when the monitor is killed meanwhile", async () => {
    const running = await background("lost", deaf);
    const [{ monitor }] = JSON.parse((await host.mdocker(["inspect", "lost"])).stdout) as [ContainerRecord];
    const patient = host.start(["stop", "-t", "-1", "lost"]);
    process.kill(monitor?.pid ?? 0, "SIGKILL");
    expect(await patient.ended).toMatchObject({ code: 0, stdout: "lost\n" });
    expect((await running.ended).code).toBe(2);
    await host.mdocker(["rm", "lost"]);
  });

  test("refuses what is no number of seconds and no signal", async () => {
    expect(await host.mdocker(["stop", "-t", "soon", "x"])).toMatchObject({
      code: 1,
      stderr: "mdocker: --timeout: soon: expected a whole number of seconds, or -1\n",
    });
    expect((await host.mdocker(["stop", "-s", "TREM", "x"])).stderr).toMatch(/did you mean TERM\?/);
  });

  test("kill says why, too", async () => {
    const killed = await background("killed", deaf);
    expect((await host.mdocker(["kill", "killed"])).code).toBe(0);
    expect(await endOf("killed", killed)).toMatchObject({ code: 137, reason: "killed" });
    const asked = await background("asked", polite);
    expect((await host.mdocker(["kill", "-s", "TERM", "asked"])).code).toBe(0);
    expect(await endOf("asked", asked)).toMatchObject({ code: 5, reason: "stopped" });
    const other = await background("other", polite);
    expect((await host.mdocker(["kill", "-s", "USR1", "other"])).code).toBe(0);
    expect((await endOf("other", other)).reason).toBeUndefined();
  });

  test("memory's hard limit is told from both", async () => {
    const eat = "echo ready; exec /bin/sh -c 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'";
    const running = await background("hungry", eat, ["-m", "16m", "--memory-swap", "16m"]);
    expect(await endOf("hungry", running)).toMatchObject({
      code: 137,
      oomKilled: true,
      reason: "hard-limit-killed",
    });
  });
});
