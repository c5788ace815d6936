// @vm
import { expect, test } from "vitest";
import { reportLimits } from "../../../src/container/limits.ts";
import { builtFile } from "../../../src/core/home.ts";
import type { OciResources } from "../../../src/core/oci.ts";
import type { EngineEvent } from "../../../src/supervisor/events.ts";
import { createSupervisor, type Supervisor } from "../../../src/supervisor/supervisor.ts";
import { type Engine, withEngine } from "../../harness/engine.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

// What a container can do to those beside it, as far as it is no matter of time: that `make bench ONLY=attacks` measures.

const MiB = 1024 ** 2;

interface Load {
  readonly id: string;
  /** The lines that it has told. */
  readonly told: () => number;
}

interface Site {
  readonly engine: Engine;
  readonly supervisor: Supervisor;
  readonly events: EngineEvent[];
  readonly start: (name: string, load: readonly string[], resources: OciResources) => Promise<Load>;
}

async function onSite(act: (site: Site) => Promise<void>): Promise<void> {
  await withEngine(async (engine) => {
    const supervisor = await createSupervisor(engine.instance, (line) => engine.said.push(line));
    const events: EngineEvent[] = [];
    supervisor.events.listen((event) => events.push(event));
    const start = async (name: string, load: readonly string[], resources: OciResources): Promise<Load> => {
      const root = { kind: "directory", path: builtFile(`lab-${process.arch}`) } as const;
      const args = ["/load", "300", ...load];
      const request = engine.request({ root, args, interactive: true, resources, name });
      const { record } = await supervisor.create(request);
      await supervisor.start(record.id);
      const { stdout, stdin } = supervisor.attach(record.id);
      let lines = 0;
      stdout.on("data", (chunk: Buffer) => {
        lines += chunk.toString().split("\n").length - 1;
      });
      stdin?.write("x");
      return { id: record.id, told: () => lines };
    };
    try {
      await act({ engine, supervisor, events, start });
    } finally {
      for (const { id } of supervisor.list()) await supervisor.remove(id, { force: true, volumes: false });
      await supervisor.close({ stop: false });
    }
    engine.said.splice(0);
    await expectNothingLeft(engine.fresh);
  });
}

/** How often a limit was hit, from what `mdocker limits` shows. */
async function hits({ supervisor }: Site, id: string, option: string): Promise<number> {
  const { limits } = await reportLimits(supervisor.find(id));
  const one = limits.find((limit) => limit.option === option);
  return (one?.hits ?? []).reduce((sum, { count }) => sum + count, 0);
}

/** Attacks beside a neighbour, until `recorded`; the neighbour still answers then, and the attacker can be ended. */
async function attack(
  site: Site,
  { load, resources }: { readonly load: readonly string[]; readonly resources: OciResources },
  recorded: (attacker: Load) => Promise<boolean>,
): Promise<void> {
  const neighbour = await site.start("neighbour", ["timer", "1000"], { cpu: { shares: 1024 } });
  await expect.poll(neighbour.told).toBeGreaterThan(1);
  const attacker = await site.start("attacker", load, resources);
  await expect.poll(() => recorded(attacker)).toBe(true);
  const before = neighbour.told();
  await expect.poll(neighbour.told).toBeGreaterThan(before + 20);
  expect(site.supervisor.find(attacker.id).state).toBe("running");
  await site.supervisor.remove(attacker.id, { force: true, volumes: false });
  expect(site.supervisor.find(neighbour.id).state).toBe("running");
}

const weight = { shares: 1024 };

test("a memory bomb is killed again and again, and each time that is told", async () => {
  await onSite(async (site) => {
    const resources = { cpu: weight, memory: { limit: 24 * MiB, swap: 24 * MiB } };
    await attack(site, { load: ["memory-bomb"], resources }, async ({ id }) => {
      const told = site.events.filter(({ action, actor }) => action === "oom" && actor.id === id).length;
      return told > 0 && (await hits(site, id, "--memory")) > 1;
    });
  });
});

test("a fork bomb has the processes that it may have, and its refused forks are told", async () => {
  await onSite(async (site) => {
    const resources = { cpu: weight, pids: { limit: 32 } };
    await attack(site, { load: ["bomb"], resources }, async ({ id }) => {
      const [told] = site.events.filter(({ action, actor }) => action === "pids_limit" && actor.id === id);
      const { limits } = await reportLimits(site.supervisor.find(id));
      const processes = limits.find(({ option }) => option === "--pids-limit");
      expect(processes).toMatchObject({ limit: 32 });
      expect(Number(processes?.used)).toBeLessThanOrEqual(32);
      return told !== undefined && (await hits(site, id, "--pids-limit")) > 10;
    });
  });
});

test("a cpu hog is stopped in each period, however many it is", async () => {
  await onSite(async (site) => {
    const load = ["spin", ...Array.from({ length: 16 }, () => "0")];
    const resources = { cpu: { ...weight, quota: 25_000, period: 100_000 } };
    await attack(site, { load, resources }, async ({ id }) => (await hits(site, id, "--cpus")) > 5);
  });
});

test("a disk hog has no more of the host's memory for what it writes than its limit", async () => {
  await onSite(async (site) => {
    const resources = { cpu: weight, memory: { limit: 8 * MiB, swap: 8 * MiB } };
    await attack(site, { load: ["disk", "/hog", "16384"], resources }, async (attacker) => {
      const { limits } = await reportLimits(site.supervisor.find(attacker.id));
      const memory = limits.find(({ option }) => option === "--memory");
      expect(Number(memory?.used)).toBeLessThanOrEqual(8 * MiB);
      // Several times as much as it may have in memory has been written.
      return attacker.told() > 3;
    });
  });
});
