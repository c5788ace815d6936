import { closeSync, readSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { disconnectEnded, releaseMonitor } from "../../../src/container/collect.ts";
import { createContainer } from "../../../src/container/create.ts";
import { fifoPath } from "../../../src/container/fifos.ts";
import { killContainer } from "../../../src/container/kill.ts";
import { planStart } from "../../../src/container/plan.ts";
import { prepare } from "../../../src/container/prepare.ts";
import { findContainer, readExit } from "../../../src/container/refresh.ts";
import { removeContainer } from "../../../src/container/remove.ts";
import type { RunRequest } from "../../../src/container/request.ts";
import { startContainer } from "../../../src/container/start.ts";
import { containerPaths } from "../../../src/container/store.ts";
import { hasErrno } from "../../../src/core/errors.ts";
import { openFifo } from "../../../src/sys/fifo.ts";
import { isAlive, type ProcessIdentity } from "../../../src/sys/process.ts";
import { reap } from "../../../src/sys/spawn.ts";
import { openDescriptors, withEngine } from "../../harness/engine.ts";
import { runHere } from "../../harness/netns.ts";
import { expectNothingLeft, type Snapshot, takeSnapshot } from "../../harness/snapshot.ts";

const network = {
  kind: "bridge",
  attachments: [{ network: "bridge", ifname: "eth0", aliases: [] }],
} as const;
const published: RunRequest["network"] = {
  ...network,
  ports: [{ protocol: "tcp", containerPort: 80, hostPort: 18_080 }],
};

const limited: Partial<RunRequest> = {
  args: ["/bin/sleep", "1000"],
  detached: true,
  keep: true,
  network,
  resources: { memory: { limit: 64 * 1024 * 1024 }, pids: { limit: 50 } },
};

/** What a FIFO holds now; nothing when it is empty, or has no writer. */
function readSomething(fifo: number): string {
  const buffer = Buffer.alloc(8);
  try {
    return buffer.toString("latin1", 0, readSync(fifo, buffer));
  } catch (error) {
    if (hasErrno(error, "EAGAIN")) return "";
    throw error;
  }
}

describe("a start of a created container that fails after any step leaves it as it was", () => {
  test.each([
    ["pipes", limited],
    ["stdin of its own", { ...limited, interactive: true, stdinOnce: true }],
    ["a terminal", { ...limited, terminal: true, interactive: true }],
    ["a published port", { ...limited, network: published }],
  ])(
    "%s",
    async (_, changes) => {
      await withEngine(async ({ instance, request, run, said, expectSame, expectClean }) => {
        // A port of the host is bound to 127.0.0.1.
        runHere("ip", "link", "set", "lo", "up");
        const wanted = request(changes);
        const kinds = planStart(await prepare(instance, wanted))
          .map(({ kind }) => kind)
          .filter((kind) => kind !== "reserve");
        // What is loaded and opened once for the life of this process.
        expect(await run(request({ network }))).toBe(0);
        await expectSame(openDescriptors());
        const { links } = (await takeSnapshot(instance)).lines;
        const { record } = await createContainer(instance, wanted, (line) => said.push(line));
        const descriptors = openDescriptors();
        let before: Snapshot | undefined;
        // The whole start first: it makes what stays, such as /etc/hosts and the work directory of the overlay.
        for (const [index, kind] of [...kinds.entries()].reverse()) {
          const fault = new Error(`fault after step ${index}, ${kind}`);
          const afterStep = (at: number): void => {
            if (at === index) throw fault;
          };
          await expect(startContainer(instance, record, { afterStep })).rejects.toBe(fault);
          expect(findContainer(instance, record.id)).toMatchObject({ state: "created", exit: { code: 128 } });
          // Its link goes with its network namespace, which the kernel takes apart by and by.
          await expect.poll(async () => (await takeSnapshot(instance)).lines.links).toEqual(links);
          before ??= await takeSnapshot(instance);
          await expectNothingLeft(before);
          expect(openDescriptors()).toEqual(descriptors);
        }
        await removeContainer(instance, findContainer(instance, record.id), { force: false });
        await expectClean(descriptors);
        expect(said).toEqual([]);
      });
    },
    300_000,
  );
});

test("one that is killed before it was let run is an end like any other", async () => {
  await withEngine(async ({ instance, request, run, said, expectClean }) => {
    const wanted = request(limited);
    const record = planStart(await prepare(instance, wanted)).findIndex(({ kind }) => kind === "record");
    expect(await run(request({ network }))).toBe(0);
    const descriptors = openDescriptors();
    const created = await createContainer(instance, wanted, (line) => said.push(line));
    const { id } = created.record;
    const started = await startContainer(instance, created.record, {
      // The first step of a plan is not one of a start.
      afterStep: (at) => {
        if (at !== record - 1) return;
        killContainer(instance, findContainer(instance, id), 9);
        // Its monitor has seen it before we go on.
        const clock = new Int32Array(new SharedArrayBuffer(4));
        while (readExit(instance, id) === undefined) Atomics.wait(clock, 0, 0, 1);
      },
    });
    const ended = openFifo(fifoPath(containerPaths(instance, id).run, "ended"), "read");
    await expect.poll(() => readSomething(ended)).toBe("x");
    closeSync(ended);
    expect(readExit(instance, id)).toMatchObject({ code: 137 });
    expect(isAlive(started.record.monitor as ProcessIdentity)).toBe(true);
    disconnectEnded(instance, started.record);
    releaseMonitor(instance, id);
    expect(reap(started.record.monitor?.pid ?? 0, false)).toBe(0);
    await removeContainer(instance, findContainer(instance, id), { force: false });
    await expectClean(descriptors);
    expect(said).toEqual([]);
  });
});
