// @vm
import { describe, expect, test } from "vitest";
import { freeze, isFrozen, thaw } from "../../../cgroup/freeze.ts";
import { detectCgroups } from "../../../cgroup/host.ts";
import type { TestHost } from "../../harness/host.ts";
import { useHost } from "../../harness/shared-host.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { background, deaf, endOf, polite, recordOf } from "./background.ts";

let host: TestHost;
useHost((made) => {
  host = made;
});

/** Says a number a few times a second. */
const counting = "echo ready; i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done";

async function cgroupOf(name: string): Promise<string> {
  return (await recordOf(host, name)).cgroup ?? "";
}

describe("pause", () => {
  test("holds a container where it is until unpause", async () => {
    const running = await background(host, "counting", counting, []);
    const cgroup = await cgroupOf("counting");
    for (let round = 0; round < 3; round++) {
      expect(await host.mdocker(["pause", "counting"])).toEqual({
        code: 0,
        stdout: "counting\n",
        stderr: "",
      });
      expect(isFrozen(detectCgroups(), cgroup)).toBe(true);
      expect(await recordOf(host, "counting")).toMatchObject({ state: "paused" });
      expect((await host.mdocker(["ps", "--format", "{{.Status}}"])).stdout).toMatch(/^Up .* \(Paused\)\n$/);
      expect(await host.mdocker(["unpause", "counting"])).toMatchObject({ code: 0, stdout: "counting\n" });
      expect(isFrozen(detectCgroups(), cgroup)).toBe(false);
      expect(await recordOf(host, "counting")).toMatchObject({ state: "running" });
      const said = running.output().length;
      await running.says(new RegExp(`^[^]{${said + 1}}`));
    }
    expect((await host.mdocker(["kill", "counting"])).code).toBe(0);
    expect((await running.ended).code).toBe(137);
    await expectNothingLeft(host.fresh);
  });

  test("is known for what the kernel has, whoever did it", async () => {
    const running = await background(host, "behind", deaf);
    const cgroup = await cgroupOf("behind");
    freeze(detectCgroups(), cgroup);
    expect((await recordOf(host, "behind")).state).toBe("paused");
    expect(await host.mdocker(["pause", "behind"])).toMatchObject({
      code: 1,
      stderr: "mdocker: container behind is already paused\n",
    });
    thaw(detectCgroups(), cgroup);
    expect((await recordOf(host, "behind")).state).toBe("running");
    expect(await host.mdocker(["unpause", "behind"])).toMatchObject({
      code: 1,
      stderr: "mdocker: container behind is not paused\n",
    });
    expect((await host.mdocker(["rm", "-f", "behind"])).code).toBe(0);
    await running.ended;
  });

  test("a paused container is stopped, killed and removed like any other", async () => {
    const stopped = await background(host, "stopped", polite);
    await host.mdocker(["pause", "stopped"]);
    expect((await host.mdocker(["stop", "stopped"])).code).toBe(0);
    expect(await endOf(host, "stopped", stopped)).toMatchObject({ code: 5, reason: "stopped" });

    const killed = await background(host, "killed", polite);
    await host.mdocker(["pause", "killed"]);
    expect((await host.mdocker(["kill", "killed"])).code).toBe(0);
    expect(await endOf(host, "killed", killed)).toMatchObject({ code: 137, reason: "killed" });

    const removed = await background(host, "removed", polite);
    await host.mdocker(["pause", "removed"]);
    expect((await host.mdocker(["rm", "removed"])).code).toBe(1);
    expect((await host.mdocker(["rm", "-f", "removed"])).code).toBe(0);
    await removed.ended;
    await expectNothingLeft(host.fresh);
  });

  test("waits with another signal until it runs again", async () => {
    const running = await background(host, "later", polite);
    await host.mdocker(["pause", "later"]);
    expect((await host.mdocker(["kill", "-s", "USR1", "later"])).code).toBe(0);
    expect((await recordOf(host, "later")).state).toBe("paused");
    expect((await host.mdocker(["unpause", "later"])).code).toBe(0);
    expect((await endOf(host, "later", running)).code).toBe(6);
  });

  test("refuses what does not run", async () => {
    expect((await host.mdocker(["run", "--keep", "--net", "none", "--name", "over", "/bin/true"])).code).toBe(
      0,
    );
    for (const command of ["pause", "unpause"]) {
      expect(await host.mdocker([command, "over"])).toEqual({
        code: 1,
        stdout: "",
        stderr: "mdocker: container over is not running\n",
      });
    }
    await host.mdocker(["rm", "over"]);
  });
});
