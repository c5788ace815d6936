import { readdirSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { RunRequest } from "../../../src/container/request.ts";
import { openDescriptors, withEngine } from "../../harness/engine.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

const printAddress = ["/bin/sh", "-c", "ip -4 -o address show dev eth0 | tr -s ' ' | cut -d ' ' -f 4"];

/** Runs containers on the bridge at once, each in a process of its own, until the last has printed; their addresses. */
async function addressesOf(host: TestHost, count: number): Promise<string[]> {
  const running = Array.from({ length: count }, () =>
    // Reads until all have an address: none may have one that another has given back.
    host.start(["run", "-i", "--net", "bridge", "/bin/sh", "-c", `${printAddress[2]}; read end`]),
  );
  const found = await Promise.all(running.map(({ says }) => says(/^(10\.\S+)$/m)));
  for (const { child } of running) child.stdin.end("\n");
  for (const { ended } of running)
    expect(await ended).toEqual({ code: 0, stderr: "", stdout: expect.stringMatching(/^10\.\S+\n$/) });
  return found.map(([, address = ""]) => address);
}

test("fifty containers started at once have fifty addresses, and leave nothing", async () => {
  await withTestHost(
    async (host) => {
      const addresses = await addressesOf(host, 50);
      expect(new Set(addresses).size).toBe(50);
      await expectNothingLeft(host.fresh);
      expect((await host.mdocker(["gc", "--networks"])).code).toBe(0);
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage() },
  );
});

test("those that meet on a fresh host make the network once", async () => {
  await withTestHost(
    async (host) => {
      for (let round = 0; round < 10; round++) {
        const addresses = await addressesOf(host, 2);
        expect(new Set(addresses).size).toBe(2);
        const rules = await host.hostRun(["sh", "-c", "iptables-save | grep -c MASQUERADE"]);
        expect(rules).toBe("1\n");
        expect((await host.mdocker(["gc", "--networks"])).code).toBe(0);
        await expectNothingLeft(host.fresh, "gone");
      }
    },
    { image: await sharedLabImage() },
  );
});

test("starts and the removal of their network at the same time do not harm each other", async () => {
  await withTestHost(
    async (host) => {
      for (let round = 0; round < 10; round++) {
        const runs = [0, 1, 2].map(() => host.mdocker(["run", ...printAddress]));
        const removals = [0, 1].map(() => host.mdocker(["gc", "--networks"]));
        for (const run of runs) {
          expect(await run).toMatchObject({
            code: 0,
            stderr: "",
            stdout: expect.stringMatching(/^10\.\S+\n$/),
          });
        }
        for (const removal of removals) {
          const stdout = expect.not.stringContaining("could not");
          expect(await removal).toMatchObject({ code: 0, stderr: "", stdout });
        }
      }
      await host.mdocker(["gc", "--networks"]);
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage() },
  );
});

setFlagsFromString("--expose-gc");
const collectHeap = runInNewContext("gc") as () => void;

/** KiB that this process holds on to: in the heap, and its own pages altogether. */
function memory(): { readonly heap: number; readonly resident: number } {
  collectHeap();
  const { heapUsed } = process.memoryUsage();
  const resident = Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
  return { heap: heapUsed / 1024, resident };
}

test("a hundred containers, one after another in one process, leave no growth", async () => {
  await withEngine(async ({ run, request, fresh, said, expectClean }) => {
    const network: RunRequest["network"] = {
      kind: "bridge",
      attachments: [{ network: "bridge", ifname: "eth0" }],
    };
    const wanted = request({ network, resources: { memory: { limit: 64 * 1024 * 1024 } } });
    const many = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) expect(await run(wanted)).toBe(0);
    };
    // Until the heap has found its size.
    await many(150);
    await expectClean(openDescriptors());
    const descriptors = openDescriptors();
    const listeners = process.eventNames().map((name) => process.listenerCount(name));
    const tasks = readdirSync("/proc/self/task").length;
    const before = memory();
    await many(100);
    expect(readdirSync("/proc/self/task").length).toBe(tasks);
    expect(process.eventNames().map((name) => process.listenerCount(name))).toEqual(listeners);
    const after = memory();
    // 10 KiB for each container would be seen; the pages of a heap come and go by the megabyte.
    expect(after.heap - before.heap).toBeLessThan(1_000);
    expect(after.resident - before.resident).toBeLessThan(10_000);
    expect(said).toEqual([]);
    await expectNothingLeft(fresh);
    await expectClean(descriptors);
  });
});
