// @vm
import { expect, test } from "vitest";
import { detectCgroups } from "../../../cgroup/host.ts";
import { readStats } from "../../../cgroup/stats.ts";
import type { OciResources } from "../../../src/core/oci.ts";
import type { EngineEvent } from "../../../src/supervisor/events.ts";
import { createSupervisor, type Supervisor } from "../../../src/supervisor/supervisor.ts";
import { describeState } from "../../../src/supervisor/translate/state.ts";
import { disk } from "../../harness/disk.ts";
import { type Engine, withEngine } from "../../harness/engine.ts";

const MiB = 1024 ** 2;
const isV2 = detectCgroups().driver === "v2";

interface Site {
  readonly supervisor: Supervisor;
  readonly engine: Engine;
  /** What was told of limits that make it wait. */
  readonly events: readonly EngineEvent[];
}

async function onSite(act: (site: Site) => Promise<void>): Promise<void> {
  await withEngine(async (engine) => {
    const supervisor = await createSupervisor(engine.instance, (line) => engine.said.push(line));
    const events: EngineEvent[] = [];
    supervisor.events.listen((event) => {
      if (["throttled", "pressure"].includes(event.action)) events.push(event);
    });
    try {
      await act({ engine, supervisor, events });
    } finally {
      for (const { id } of supervisor.list()) await supervisor.remove(id, { force: true, volumes: false });
      await supervisor.close({ stop: false });
    }
    engine.said.splice(0);
  });
}

async function start({ engine, supervisor }: Site, resources: OciResources, line: string): Promise<string> {
  const changes = { args: ["/bin/bash", "-c", line], interactive: true, resources, name: "waits" };
  const { record } = await supervisor.create(engine.request(changes));
  await supervisor.start(record.id);
  return record.id;
}

function periodsOf({ supervisor }: Site, id: string): number {
  return readStats(detectCgroups(), supervisor.find(id).cgroup ?? "").cpu?.throttling?.throttled ?? 0;
}

const busy = "while :; do :; done";

test("a container that uses up its --cpus is told once, however long it goes on", async () => {
  await onSite(async (site) => {
    const { supervisor, events, engine } = site;
    const id = await start(site, { cpu: { quota: 10_000, period: 100_000 } }, busy);
    await expect.poll(() => events.length).toBe(1);
    expect(events[0]).toMatchObject({ action: "throttled", actor: { id, attributes: { resource: "cpu" } } });
    const { periods, waited } = events[0]?.actor.attributes ?? {};
    expect(Number(periods)).toBeGreaterThan(0);
    expect(Number(waited)).toBeGreaterThan(0);
    expect(engine.said.join("\n")).toMatch(
      /container waits: its --cpus is used up: \d+ periods cut short, \d+ ms waited/,
    );
    expect(describeState(supervisor.find(id))).toMatchObject({ Stalls: { Cpu: 1, Memory: 0, Io: 0 } });
    // Twenty more periods are no news.
    const throttled = periodsOf(site, id);
    await expect.poll(() => periodsOf(site, id)).toBeGreaterThan(throttled + 20);
    expect(events.length).toBe(1);
  });
});

test("a limit of CPU time that comes while it runs is watched, too", async () => {
  await onSite(async (site) => {
    const { supervisor, events } = site;
    const id = await start(site, {}, busy);
    await supervisor.update(id, { resources: { cpu: { quota: 10_000, period: 100_000 } } });
    await expect.poll(() => events.map(({ action }) => action)).toEqual(["throttled"]);
  });
});

if (isV2)
  test("waiting for a disk that is slow for it alone is told by the kernel", async () => {
    await onSite(async (site) => {
      const [major = 0, minor = 0] = disk().numbers.split(":").map(Number);
      const blockIO = { throttleWriteBpsDevice: [{ major, minor, rate: 1_000_000 }] };
      const write = "while :; do dd if=/dev/zero of=/file bs=64k count=16 oflag=direct; done 2>/dev/null";
      const id = await start(site, { blockIO }, write);
      await expect.poll(() => site.events.map(({ actor }) => actor.attributes["resource"])).toContain("io");
      const told = site.events.find(({ actor }) => actor.attributes["resource"] === "io");
      expect(told).toMatchObject({ action: "pressure", actor: { id } });
      expect(Number(told?.actor.attributes["some"])).toBeGreaterThan(0);
      expect(site.supervisor.find(id)).toMatchObject({
        stalls: { io: { times: 1 } },
        limitEvents: { counts: { "pressure io": 1 } },
      });
      expect(describeState(site.supervisor.find(id))).toMatchObject({ Stalls: { Io: 1 } });
    });
  });

if (isV2)
  test("waiting for memory that --memory-high keeps from it is told by the kernel", async () => {
    await onSite(async (site) => {
      const { supervisor, events, engine } = site;
      const unified = { "memory.high": String(12 * MiB) };
      const id = await start(site, { unified }, "while :; do printf -v x '%48000000s' ''; done");
      await expect.poll(() => events.length).toBeGreaterThan(0);
      const [first] = events;
      expect(first).toMatchObject({ action: "pressure", actor: { attributes: { resource: "memory" } } });
      expect(first?.actor.attributes).toMatchObject({
        some: expect.stringMatching(/^[\d.]+$/),
        full: expect.stringMatching(/^[\d.]+$/),
      });
      // It has just begun, and averages of ten seconds do not show it yet.
      expect(Number(first?.actor.attributes["some"])).toBeGreaterThan(0);
      expect(engine.said.join("\n")).toMatch(
        /container waits: it waits for memory \(--memory, --memory-high\)/,
      );
      expect(supervisor.find(id).stalls?.memory).toMatchObject({ times: 1 });
    });
  });
