// @vm
import { readdirSync, readlinkSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import type { TestHost } from "../../harness/host.ts";
import { useHost } from "../../harness/shared-host.ts";
import { background } from "./background.ts";

let host: TestHost;
useHost((made) => {
  host = made;
});

/** How many processes `pid` has a pidfd of. */
function processesHeldBy(pid: number): number {
  try {
    const fds = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    return fds.filter((target) => target.includes("pidfd")).length;
  } catch {
    return 0; // one of them was just closed
  }
}

describe("wait", () => {
  test("prints the exit codes when all have ended, also of one that leaves nothing", async () => {
    const script = (code: number) => `trap "exit ${code}" USR1; echo ready; while :; do sleep 0.05; done`;
    const one = await background(host, "w1", script(7));
    const two = await background(host, "w2", script(9), []);
    const waiting = host.start(["wait", "w1", "w2"]);
    // One of pid 1 and one of the monitor, of each.
    await vi.waitUntil(() => processesHeldBy(waiting.pid) === 4, { timeout: 10_000, interval: 5 });
    await host.mdocker(["kill", "-s", "USR1", "w2"]);
    await two.ended;
    await host.mdocker(["kill", "-s", "USR1", "w1"]);
    await one.ended;
    const { stdout, code } = await waiting.ended;
    expect(code).toBe(0);
    expect(stdout).toBe("7\n9\n");
    // It has ended already.
    expect(await host.mdocker(["wait", "w1"])).toEqual({ code: 0, stdout: "7\n", stderr: "" });
    await host.mdocker(["rm", "w1"]);
  });
});
