// @vm
import { describe, expect, test } from "vitest";
import { planStart } from "../../../src/container/plan.ts";
import { prepare } from "../../../src/container/prepare.ts";
import type { RunRequest } from "../../../src/container/request.ts";
import { openDescriptors, withEngine } from "../../harness/engine.ts";
import { runHere } from "../../harness/netns.ts";

const bridge = {
  kind: "bridge",
  attachments: [{ network: "bridge", ifname: "eth0", aliases: [] }],
} as const;
const published: RunRequest["network"] = {
  ...bridge,
  ports: [{ protocol: "tcp", containerPort: 80, hostPort: 18_080 }],
};

const limited: Partial<RunRequest> = {
  args: ["/bin/sleep", "1000"],
  resources: {
    memory: { limit: 64 * 1024 * 1024 },
    cpu: { quota: 50_000, period: 100_000, shares: 512 },
    pids: { limit: 50 },
  },
};

describe("a failure after any step of the plan is reported as it is, and leaves nothing", () => {
  test.each([
    ["bridge network and limits", { ...limited, network: bridge }],
    ["no network", limited],
    ["a published port", { args: ["/bin/sleep", "1000"], network: published }],
    ["kept, in case it comes to run", { ...limited, keep: true }],
    ["read-only and without init", { ...limited, init: false, readOnlyRoot: true }],
    ["a terminal", { ...limited, terminal: true, interactive: true }],
  ])(
    "%s",
    async (_, changes) => {
      await withEngine(async ({ instance, request, run, said, expectSame, expectClean }) => {
        // A port of the host is bound to 127.0.0.1.
        runHere("ip", "link", "set", "lo", "up");
        const wanted = request(changes);
        const kinds = planStart(await prepare(instance, wanted)).map(({ kind }) => kind);
        expect(kinds.at(-1)).toBe("go");
        // What is loaded and opened once for the life of this process.
        expect(await run({ ...wanted, terminal: false, keep: false, args: ["/bin/true"] })).toBe(0);
        await expectClean(openDescriptors());
        const descriptors = openDescriptors();
        for (const [index, kind] of kinds.entries()) {
          const fault = new Error(`fault after step ${index}, ${kind}`);
          const afterStep = (at: number): void => {
            if (at === index) throw fault;
          };
          await expect(run(wanted, { afterStep })).rejects.toBe(fault);
          try {
            await expectSame(descriptors);
          } catch (cause) {
            throw new Error(`after ${fault.message}: ${String(cause)}`, { cause });
          }
        }
        await expectClean(descriptors);
        expect(said).toEqual([]);
      });
    },
    300_000,
  );
});
