import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { endSupervisor, supervisorOf } from "../../harness/supervisor.ts";

/** `mdocker ARGS`, which has to work. Its stdout. */
async function works(host: TestHost, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
  return stdout;
}

test("what was written before, while and after no supervisor was there is all in the log", async () => {
  await withTestHost(
    async (host) => {
      const script = `printf 'a line that '
while ! test -e /tmp/go; do sleep 0.02; done
seq 1 2000; printf 'is '
while ! test -e /tmp/on; do sleep 0.02; done
echo over`;
      await works(host, "run", "-d", "--net", "none", "--name", "c", "/bin/sh", "-c", script);
      const killed = supervisorOf(host.place);
      const id = (await works(host, "ps", "-q", "--no-trunc")).trim();
      // It has left the FIFO when it is kept here.
      await expect.poll(() => existsSync(join(host.place.state, "containers", id, "open-lines"))).toBe(true);
      await endSupervisor(host.place, "SIGKILL");
      await works(host, "exec", "c", "/bin/touch", "/tmp/go");
      // Nobody reads: it waits in the FIFO.
      await works(host, "exec", "c", "/bin/touch", "/tmp/on");
      expect(await works(host, "wait", "c")).toBe("0\n");
      expect(supervisorOf(host.place)).not.toBe(killed);
      const numbers = Array.from({ length: 2_000 }, (_, i) => `${i + 1}\n`).join("");
      expect(await works(host, "logs", "c")).toBe(`a line that ${numbers}is over\n`);
      await works(host, "rm", "c");
      await endSupervisor(host.place);
    },
    { image: await sharedLabImage() },
  );
});

test("a line that was not ended stays, also when the monitor is killed with the supervisor", async () => {
  await withTestHost(
    async (host) => {
      await works(
        host,
        "run",
        "-d",
        "--net",
        "none",
        "--name",
        "c",
        "/bin/sh",
        "-c",
        "printf 'not ended'; sleep 1000",
      );
      const [record] = JSON.parse(await works(host, "inspect", "c")) as [
        { id: string; monitor: { pid: number } },
      ];
      await expect
        .poll(() => existsSync(join(host.place.state, "containers", record.id, "open-lines")))
        .toBe(true);
      await endSupervisor(host.place, "SIGKILL");
      process.kill(record.monitor.pid, "SIGKILL");
      // Its pid 1 goes with it.
      await expect.poll(async () => (await works(host, "ps", "-q")).trim()).toBe("");
      expect(await works(host, "logs", "c")).toBe("not ended");
      await works(host, "rm", "c");
      await endSupervisor(host.place);
    },
    { image: await sharedLabImage() },
  );
});
