import { describe, expect, test } from "vitest";
import { createContainer } from "../../../src/container/create.ts";
import { planStart } from "../../../src/container/plan.ts";
import { prepare } from "../../../src/container/prepare.ts";
import { findContainer } from "../../../src/container/refresh.ts";
import { removeContainer } from "../../../src/container/remove.ts";
import type { RunRequest } from "../../../src/container/request.ts";
import { startContainer } from "../../../src/container/start.ts";
import { openDescriptors, withEngine } from "../../harness/engine.ts";
import { expectNothingLeft, type Snapshot, takeSnapshot } from "../../harness/snapshot.ts";

const network: RunRequest["network"] = {
  kind: "bridge",
  attachments: [{ network: "bridge", ifname: "eth0", aliases: [] }],
};
const limited: Partial<RunRequest> = {
  args: ["/bin/sleep", "1000"],
  detached: true,
  keep: true,
  network,
  resources: { memory: { limit: 64 * 1024 * 1024 }, pids: { limit: 50 } },
};

describe("a start of a created container that fails after any step leaves it as it was", () => {
  test.each([
    ["pipes", limited],
    ["stdin of its own", { ...limited, interactive: true, stdinOnce: true }],
    ["a terminal", { ...limited, terminal: true, interactive: true }],
  ])(
    "%s",
    async (_, changes) => {
      await withEngine(async ({ instance, request, run, said, expectSame, expectClean }) => {
        const wanted = request(changes);
        const kinds = planStart(await prepare(instance, wanted))
          .map(({ kind }) => kind)
          .slice(1);
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
