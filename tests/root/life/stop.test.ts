// @vm
import { describe, expect, test } from "vitest";
import type { Running } from "../../harness/command.ts";
import type { TestHost } from "../../harness/host.ts";
import { useHost } from "../../harness/shared-host.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { background, deaf, endOf, polite, recordOf } from "./background.ts";

let host: TestHost;
useHost((made) => {
  host = made;
});

describe("stop", () => {
  test("asks by SIGTERM, and the reason is recorded", async () => {
    const running = await background(host, "polite", polite);
    expect(await host.mdocker(["stop", "polite"])).toEqual({ code: 0, stdout: "polite\n", stderr: "" });
    expect(await endOf(host, "polite", running)).toMatchObject({ code: 5, said: 5, reason: "stopped" });
    expect(running.output()).toBe("ready\nbye\n");
  });

  test("kills after the timeout", async () => {
    const running = await background(host, "deaf", deaf);
    expect(await host.mdocker(["stop", "-t", "1", "deaf"])).toMatchObject({ code: 0, stdout: "deaf\n" });
    expect(await endOf(host, "deaf", running)).toMatchObject({ code: 137, said: 137, reason: "killed" });
  });

  test("waits without end where asked to, while another may be less patient", async () => {
    const running = await background(host, "both", deaf);
    const patient = host.start(["stop", "--timeout=-1", "both"]);
    const other = await host.mdocker(["stop", "-t0", "both"]);
    expect(other).toMatchObject({ code: 0, stdout: "both\n" });
    expect(await patient.ended).toMatchObject({ code: 0, stdout: "both\n" });
    expect(await endOf(host, "both", running)).toMatchObject({ code: 137, reason: "killed" });
  });

  test("sends the signal that was asked for, at the start or now", async () => {
    const own = await background(host, "own", polite, ["--keep", "--stop-signal", "USR1"]);
    expect((await host.mdocker(["stop", "own"])).code).toBe(0);
    expect(await endOf(host, "own", own)).toMatchObject({ code: 6, reason: "stopped" });
    const now = await background(host, "now", polite);
    expect((await host.mdocker(["stop", "-s", "SIGUSR1", "now"])).code).toBe(0);
    expect(await endOf(host, "now", now)).toMatchObject({ code: 6, reason: "stopped" });
  });

  test("ends several at once, and is content with those that have ended", async () => {
    const running = await Promise.all(["a", "b", "c"].map((name) => background(host, name, polite)));
    expect(await host.mdocker(["stop", "a", "b", "c"])).toMatchObject({ code: 0, stdout: "a\nb\nc\n" });
    expect(await host.mdocker(["stop", "c", "nobody", "a"])).toEqual({
      code: 1,
      stdout: "c\na\n",
      stderr: "mdocker: no such container: nobody\n",
    });
    for (const [at, name] of ["a", "b", "c"].entries()) {
      expect(await endOf(host, name, running[at] as Running)).toMatchObject({ code: 5, reason: "stopped" });
    }
  });

  test("is content with one that ends meanwhile, whoever comes first", async () => {
    const script = "echo ready; sleep 0.1; exit 4";
    const names = Array.from({ length: 8 }, (_, i) => `meanwhile${i}`);
    const running = await Promise.all(names.map((name) => background(host, name, script)));
    for (const [at, name] of names.entries()) {
      expect(await host.mdocker(["stop", name])).toEqual({ code: 0, stdout: `${name}\n`, stderr: "" });
      const { code, reason } = await endOf(host, name, running[at] as Running);
      // Asked to just as it went, it may have gone with its own code.
      expect(reason === undefined ? [4] : [143, 4]).toContain(code);
    }
  });

  test("leaves nothing of a container that is not kept", async () => {
    const running = await background(host, "gone", polite, []);
    expect((await host.mdocker(["stop", "gone"])).code).toBe(0);
    expect((await running.ended).code).toBe(5);
    await expectNothingLeft(host.fresh);
  });

  test("returns when the monitor is killed meanwhile", async () => {
    const running = await background(host, "lost", deaf);
    const { monitor } = await recordOf(host, "lost");
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
    const killed = await background(host, "killed", deaf);
    expect((await host.mdocker(["kill", "killed"])).code).toBe(0);
    expect(await endOf(host, "killed", killed)).toMatchObject({ code: 137, reason: "killed" });
    const asked = await background(host, "asked", polite);
    expect((await host.mdocker(["kill", "-s", "TERM", "asked"])).code).toBe(0);
    expect(await endOf(host, "asked", asked)).toMatchObject({ code: 5, reason: "stopped" });
    const other = await background(host, "other", polite);
    expect((await host.mdocker(["kill", "-s", "USR1", "other"])).code).toBe(0);
    expect((await endOf(host, "other", other)).reason).toBeUndefined();
  });

  test("memory's hard limit is told from both", async () => {
    const eat = "echo ready; exec /bin/sh -c 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'";
    const running = await background(host, "hungry", eat, ["--keep", "-m", "16m", "--memory-swap", "16m"]);
    expect(await endOf(host, "hungry", running)).toMatchObject({
      code: 137,
      oomKilled: true,
      reason: "hard-limit-killed",
    });
  });
});
