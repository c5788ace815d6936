// @vm
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

const MiB = 2 ** 20;
const tree = "/sys/fs/cgroup";
const text = (path: string): string => readFileSync(path, "utf8").trim();

/** Has the kernel take back what it may, as when the whole host is short of memory (cgroup-v2.rst, memory.reclaim). */
function reclaim(...amounts: readonly number[]): void {
  for (const amount of amounts) {
    try {
      writeFileSync(`${tree}/memory.reclaim`, String(amount * MiB));
    } catch {
      // EAGAIN: there was not so much.
    }
  }
}

/** Runs a container whose page cache has 48 MiB; the file is one of its own layer, and so nobody else's cache. */
async function startReader(host: TestHost, name: string, ...flags: string[]): Promise<void> {
  const read = "head -c 48m /dev/zero > /file; sync; echo there; exec sleep 100000";
  const { code } = await host.mdocker([
    "run",
    "-d",
    "--net",
    "none",
    "--name",
    name,
    ...flags,
    "lab",
    "sh",
    "-c",
    read,
  ]);
  expect(code).toBe(0);
  await expect.poll(async () => (await host.mdocker(["logs", name])).stdout).toBe("there\n");
}

test("what a container is promised stays its own when the host is short, and only as long as it is there", async () => {
  await withTestHost(
    async (host) => {
      const own = `${tree}/${host.place.prefix}`;
      const promised = (): string[] => ["min", "low"].map((name) => text(`${own}/memory.${name}`));
      const cgroupOf = async (name: string): Promise<string> => {
        const { stdout } = await host.mdocker(["inspect", "--format", "{{.Id}}", name]);
        return `${own}/${stdout.trim()}`;
      };
      await startReader(host, "plain");
      expect(promised()).toEqual(["0", "0"]);
      await startReader(host, "kept", "--memory-min", "64m");
      await startReader(host, "low", "--memory-reservation", "64m");
      expect(promised()).toEqual([String(64 * MiB), String(64 * MiB)]);
      // As much as others have: memory.low gives way only when nobody else has any.
      reclaim(64);
      const used = async (name: string): Promise<number> =>
        Number(text(`${await cgroupOf(name)}/memory.current`)) / MiB;
      expect(await used("kept")).toBeGreaterThan(47);
      expect(await used("low")).toBeGreaterThan(47);
      reclaim(512, 256, 128, 64, 32, 16);
      expect(await used("kept")).toBeGreaterThan(47);
      expect(await used("plain")).toBeLessThan(40);

      expect(await host.mdocker(["update", "--memory-min", "32m", "plain"])).toMatchObject({ code: 0 });
      expect(promised()).toEqual([String(96 * MiB), String(64 * MiB)]);
      expect(await host.mdocker(["kill", "kept"])).toMatchObject({ code: 0 });
      await expect.poll(promised).toEqual([String(32 * MiB), String(64 * MiB)]);
      // In the foreground it is mdocker itself that sees to it.
      const run = ["run", "--rm", "--net", "none", "--memory-min", "16m", "lab", "true"];
      expect(await host.mdocker(run)).toMatchObject({ code: 0, stderr: "" });
      expect(promised()).toEqual([String(32 * MiB), String(64 * MiB)]);
      expect(await host.mdocker(["rm", "-f", "plain", "kept", "low"])).toMatchObject({ code: 0 });
      expect(readdirSync(tree)).not.toContain(host.place.prefix);
      await endSupervisor(host.place);
      await expectNothingLeft(host.fresh);
    },
    { image: await sharedLabImage() },
  );
});
