import { statSync } from "node:fs";
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

/** Something has left the FIFO of its stdout. */
function spooled({ place }: TestHost, id: string): boolean {
  const file = statSync(join(place.state, "containers", id, "spool-stdout"), { throwIfNoEntry: false });
  return (file?.size ?? 0) > 0;
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
      await expect.poll(() => spooled(host, id)).toBe(true);
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
      await expect.poll(() => spooled(host, record.id)).toBe(true);
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

test("a supervisor that is killed again and again under continuous output costs no line, and doubles none", async () => {
  await withTestHost(
    async (host) => {
      // Both streams at once; some lines do not fit into one message of a log.
      const script = `n=1; while ! test -e /tmp/over; do seq $n $((n + 4999)) | tee /dev/stderr
printf '%20000s\\n' $n | tee /dev/stderr; n=$((n + 5000)); done; echo end $n`;
      await works(host, "run", "-d", "--net", "none", "--name", "c", "/bin/sh", "-c", script);
      for (let life = 0; life < 6; life++) {
        const id = (await works(host, "ps", "-q", "--no-trunc")).trim();
        const file = join(host.place.root, "containers", id, `${id}-json.log`);
        const size = (): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
        const enough = size() + 200_000 * (1 + (life % 3));
        await expect.poll(size, { timeout: 30_000, interval: 3 }).toBeGreaterThan(enough);
        await endSupervisor(host.place, "SIGKILL");
        // Starts the next one.
        await works(host, "events", "--until", "0");
      }
      // Its own end may be cut short by that of the container, which it brings about.
      await host.mdocker(["exec", "c", "/bin/touch", "/tmp/over"]);
      expect(await works(host, "wait", "c")).toBe("0\n");
      const { stdout, stderr } = await host.mdocker(["logs", "c"], { deadline: 50_000 });
      const end = Number(/^end (\d+)$/m.exec(stdout)?.[1]);
      expect(end).toBeGreaterThan(5_000);
      const expected: string[] = [];
      for (let n = 1; n < end; n += 5_000) {
        for (let line = n; line < n + 5_000; line++) expected.push(`${line}\n`);
        expected.push(`${String(n).padStart(20_000)}\n`);
      }
      for (const [text, wanted] of [
        [stdout, [...expected, `end ${end}\n`]],
        [stderr, expected],
      ] as const) {
        const lines = text.split(/(?<=\n)/);
        const wrong = lines.findIndex((line, at) => line !== wanted[at]);
        expect({ at: wrong, found: lines[wrong], lines: lines.length }).toEqual({
          ...{ at: -1, found: undefined, lines: wanted.length },
        });
      }
      await works(host, "rm", "c");
      await endSupervisor(host.place);
    },
    { image: await sharedLabImage() },
  );
});

test("nor does it of a container with a terminal", async () => {
  await withTestHost(
    async (host) => {
      const script =
        'n=1; while ! test -e /tmp/over; do seq $n $((n + 999)); n=$((n + 1000)); done; printf "end $n"';
      await works(host, "run", "-dt", "--net", "none", "--name", "c", "/bin/sh", "-c", script);
      for (let life = 0; life < 6; life++) {
        const id = (await works(host, "ps", "-q", "--no-trunc")).trim();
        const file = join(host.place.root, "containers", id, `${id}-json.log`);
        const size = (): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
        const enough = size() + 100_000 * (1 + (life % 3));
        await expect.poll(size, { interval: 3 }).toBeGreaterThan(enough);
        await endSupervisor(host.place, "SIGKILL");
        // Starts the next one.
        await works(host, "events", "--until", "0");
      }
      // Its own end may be cut short by that of the container, which it brings about.
      await host.mdocker(["exec", "c", "/bin/touch", "/tmp/over"]);
      expect(await works(host, "wait", "c")).toBe("0\n");
      const seen = (await works(host, "logs", "c")).split("\r\n");
      const last = seen.pop() ?? "";
      const end = Number(/^end (\d+)$/.exec(last)?.[1]);
      expect(end).toBeGreaterThan(1_000);
      // One by one: two arrays of a hundred thousand lines are no message that anybody reads.
      expect(seen.length).toBe(end - 1);
      expect(seen.findIndex((line, at) => line !== String(at + 1))).toBe(-1);
      await works(host, "rm", "c");
      await endSupervisor(host.place);
    },
    { image: await sharedLabImage() },
  );
});
