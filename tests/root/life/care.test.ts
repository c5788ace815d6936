import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeTestHost, type TestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor } from "../../harness/supervisor.ts";
import { polite, recordOf } from "./background.ts";

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

async function detached(name: string, script: string, ...flags: readonly string[]): Promise<void> {
  await works("run", "-d", "--net", "none", "--name", name, ...flags, "/bin/sh", "-c", script);
}

const soon = { timeout: 15_000, interval: 20 };

describe("a restart policy", () => {
  test("on-failure starts it again, so many times", async () => {
    await detached("fails", "echo run; exit 3", "--restart", "on-failure:2");
    await expect.poll(async () => (await recordOf(host, "fails")).restartCount, soon).toBe(2);
    await expect.poll(async () => (await recordOf(host, "fails")).state, soon).toBe("exited");
    expect(await works("logs", "fails")).toBe("run\nrun\nrun\n");
    // Somebody starts it: all begins anew.
    await works("start", "fails");
    await expect.poll(async () => await works("logs", "fails"), soon).toBe("run\n".repeat(6));
  });

  test("always starts it again, but not when it was stopped", async () => {
    await detached("returns", polite, "--restart", "always");
    const first = await recordOf(host, "returns");
    expect((await host.mdocker(["rm", "returns"])).code).toBe(1);
    // From outside, as if it had crashed.
    process.kill(first.init?.pid ?? 0, "SIGKILL");
    await expect
      .poll(async () => {
        const { state, init } = await recordOf(host, "returns");
        return state === "running" && init?.pid !== first.init?.pid;
      }, soon)
      .toBe(true);
    await works("stop", "returns");
    const span = ["--since", "1m", "--until", String(Date.now() / 1000)];
    const events = await works("events", ...span, "--filter", "container=returns", "--format", "{{.Action}}");
    expect(events).toBe("create\nstart\ndie\nstart\ndie\nstop\n");
    expect((await recordOf(host, "returns")).state).toBe("exited");
  });

  test("what waits for its next start can be stopped and removed", async () => {
    await detached("loops", "exit 1", "--restart", "always");
    await expect
      .poll(async () => (await recordOf(host, "loops")).restartCount ?? 0, soon)
      .toBeGreaterThanOrEqual(3);
    await works("stop", "loops");
    const { restartCount } = await recordOf(host, "loops");
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(await recordOf(host, "loops")).toMatchObject({ state: "exited", restartCount });
    await works("start", "loops");
    await works("rm", "-f", "loops");
  });

  test("a supervisor that begins starts what is to run", async () => {
    await detached("always", polite, "--restart", "always");
    await detached("unless", polite, "--restart", "unless-stopped");
    await detached("never", polite);
    await works("stop", "always", "unless", "never");
    await endSupervisor(host.place);
    await works("events", "--until", "0");
    await expect.poll(async () => (await recordOf(host, "always")).state, soon).toBe("running");
    expect((await recordOf(host, "unless")).state).toBe("exited");
    expect((await recordOf(host, "never")).state).toBe("exited");
    await works("update", "--restart", "no", "always");
    await works("stop", "always");
    await endSupervisor(host.place);
    await works("events", "--until", "0");
    expect((await recordOf(host, "always")).state).toBe("exited");
  });
});

describe("health checks", () => {
  const fast = ["--health-interval", "100ms", "--health-timeout", "2s", "--health-retries", "2"];

  test("find out whether it is well, and tell", async () => {
    const check = "cat /state; test -e /well";
    await detached(
      "checked",
      "echo fine > /state; touch /well; exec sleep 1000",
      "--health-cmd",
      check,
      ...fast,
    );
    await expect.poll(async () => (await recordOf(host, "checked")).health?.status, soon).toBe("healthy");
    expect((await recordOf(host, "checked")).health?.log.at(-1)).toMatchObject({
      exitCode: 0,
      output: "fine\n",
    });
    expect(await works("ps", "--format", "{{.Status}}")).toMatch(/\(healthy\)/);
    await works("exec", "checked", "rm", "/well");
    await expect.poll(async () => (await recordOf(host, "checked")).health?.status, soon).toBe("unhealthy");
    const { health } = await recordOf(host, "checked");
    expect(health?.failingStreak).toBeGreaterThanOrEqual(2);
    expect(health?.log.length).toBeLessThanOrEqual(5);
    const filter = ["--filter", "container=checked", "--filter", "event=health_status"];
    const told = () => {
      const span = ["--since", "1m", "--until", String(Date.now() / 1000)];
      return works("events", ...span, ...filter, "--format", "{{.Action}}");
    };
    // An event follows what is written down.
    await expect.poll(told, soon).toBe("health_status: healthy\nhealth_status: unhealthy\n");
  });

  test("one that hangs is ended, and what is paused is not asked", async () => {
    await detached(
      "hangs",
      "exec sleep 1000",
      "--health-cmd",
      "sleep 77",
      ...fast,
      "--health-timeout",
      "200ms",
    );
    await expect.poll(async () => (await recordOf(host, "hangs")).health?.status, soon).toBe("unhealthy");
    expect((await recordOf(host, "hangs")).health?.log.at(-1)).toMatchObject({
      exitCode: -1,
      output: "Health check exceeded timeout (0.2s)",
    });
    await works("pause", "hangs");
    const before = (await recordOf(host, "hangs")).health?.log.at(-1)?.start ?? "";
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { health } = await recordOf(host, "hangs");
    // One that was under way may have ended meanwhile.
    expect(Date.parse(health?.log.at(-1)?.start ?? "") - Date.parse(before)).toBeLessThan(500);
    await works("unpause", "hangs");
    await expect
      .poll(async () => (await recordOf(host, "hangs")).health?.log.at(-1)?.start, soon)
      .not.toBe(health?.log.at(-1)?.start);
  });
});
