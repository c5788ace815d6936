import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { inspect } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

/** Kills mdocker's processes of a container, and waits until they are gone. */
async function killAll(host: TestHost, names: readonly string[]): Promise<void> {
  const records = await Promise.all(
    names.map(
      async (name) =>
        (await inspect(host, name)) as unknown as { init: { pid: number }; monitor: { pid: number } },
    ),
  );
  await endSupervisor(host.place, "SIGKILL");
  rmSync(join(host.place.state, "mdocker.sock"));
  const pids = records.flatMap(({ init, monitor }) => [monitor.pid, init.pid]);
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has gone with its monitor.
    }
  }
  for (const pid of pids) await expect.poll(() => isThere(pid), { timeout: 20_000 }).toBe(false);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("after all was killed gc leaves nothing of networks, with or without the files that knew of them", async () => {
  await withTestHost(
    async (host) => {
      for (const lost of [false, true]) {
        await host.mdocker(["network", "create", "red", "--ipv6"]);
        await host.mdocker(["run", "-d", "--name", "one", "-p", "8080:80", "/bin/sleep", "1000"]);
        await host.mdocker(["run", "-d", "--name", "two", "--network", "red", "/bin/sleep", "1000"]);
        await killAll(host, ["one", "two"]);
        if (lost) rmSync(join(host.place.state, "networks"), { recursive: true });
        await host.mdocker(["rm", "-f", "one", "two"]);
        const { code, stderr } = await host.mdocker(["gc", "--networks"]);
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(await host.hostRun(["/bin/sh", "-c", "ls /sys/class/net"])).toBe("lo\nup0\n");
        // What it was before is written in those files alone.
        if (!lost) expect(await host.hostRun(["cat", "/proc/sys/net/ipv4/ip_forward"])).toBe("0\n");
        else await host.hostRun(["/bin/sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"]);
        await host.mdocker(["network", "rm", "red"]);
      }
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage() },
  );
});
