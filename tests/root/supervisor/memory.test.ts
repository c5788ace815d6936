// @vm
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { detectCgroups } from "../../../cgroup/host.ts";
import { reportLimits } from "../../../src/container/limits.ts";
import type { EngineEvent } from "../../../src/supervisor/events.ts";
import { createSupervisor, type Supervisor } from "../../../src/supervisor/supervisor.ts";
import { describeState } from "../../../src/supervisor/translate/state.ts";
import { type Engine, withEngine } from "../../harness/engine.ts";

const MiB = 1024 ** 2;
/** Does what it reads, in the shell itself: a variable is memory that it has until it has another value. */
const obedient = ["/bin/bash", "-c", 'while read -r line; do eval "$line"; done'];
const grow = "printf -v x '%48000000s' ''\n";
const shrink = "x=\n";

interface Site {
  readonly engine: Engine;
  readonly supervisor: Supervisor;
  /** Everything that has happened. */
  readonly events: EngineEvent[];
}

async function onSite(act: (site: Site) => Promise<void>): Promise<void> {
  await withEngine(async (engine) => {
    const supervisor = await createSupervisor(engine.instance, (line) => engine.said.push(line));
    const events: EngineEvent[] = [];
    supervisor.events.listen((event) => events.push(event));
    try {
      await act({ engine, supervisor, events });
    } finally {
      for (const { id } of supervisor.list()) await supervisor.remove(id, { force: true, volumes: false });
      await supervisor.close({ stop: false });
    }
  });
}

async function start({ engine, supervisor }: Site, memory: object): Promise<string> {
  const changes = { args: obedient, interactive: true, resources: { memory } };
  const { record } = await supervisor.create(engine.request({ ...changes, name: "grows" }));
  await supervisor.start(record.id);
  return record.id;
}

async function memoryHigh({ supervisor }: Site, id: string): Promise<string> {
  const file = join("/sys/fs/cgroup", supervisor.find(id).cgroup ?? "", "memory.high");
  return (await readFile(file, "utf8")).trim();
}

if (detectCgroups().driver === "v2")
  test("memory.high is a wire at the soft limit, and --memory-high beyond it", async () => {
    await onSite(async (site) => {
      const { supervisor, engine } = site;
      const changes = { args: obedient, interactive: true, name: "grows" };
      const resources = { memory: { reservation: 24 * MiB }, unified: { "memory.high": String(96 * MiB) } };
      const { record } = await supervisor.create(engine.request({ ...changes, resources }));
      await supervisor.start(record.id);
      await expect.poll(() => memoryHigh(site, record.id)).toBe(String(24 * MiB));
      const shown = async (): Promise<unknown> =>
        (await reportLimits(supervisor.find(record.id))).limits.find(
          ({ option }) => option === "--memory-high",
        )?.limit;
      expect(await shown()).toBe(96 * MiB);
      await supervisor.update(record.id, { resources: { unified: { "memory.high": String(80 * MiB) } } });
      await expect.poll(() => memoryHigh(site, record.id)).toBe(String(24 * MiB));
      expect(await shown()).toBe(80 * MiB);
      supervisor.attach(record.id).stdin?.write(grow);
      await expect.poll(() => memoryHigh(site, record.id)).toBe(String(80 * MiB));
      engine.said.splice(0);
    });
  });

const actions = (site: Site, wanted: string): EngineEvent[] =>
  site.events.filter(({ action }) => action === wanted);

test("a soft limit that is crossed is told once for each time, with the process that has grown", async () => {
  await onSite(async (site) => {
    const { supervisor, engine } = site;
    const id = await start(site, { reservation: 24 * MiB });
    const stdin = supervisor.attach(id).stdin;
    stdin?.write(grow);
    await expect.poll(() => actions(site, "soft_limit").length).toBe(1);
    const [{ actor }] = actions(site, "soft_limit") as [EngineEvent];
    expect(actor.attributes).toMatchObject({ name: "grows", limit: String(24 * MiB) });
    expect(Number(actor.attributes["usage"])).toBeGreaterThanOrEqual(24 * MiB);
    expect(actor.attributes["process"]).toBe("bash");
    expect(Number(actor.attributes["resident"])).toBeGreaterThan(0);
    const { limits } = await reportLimits(supervisor.find(id));
    expect(limits.find(({ option }) => option === "--memory-reservation")).toMatchObject({
      limit: 24 * MiB,
      hits: expect.arrayContaining([{ what: "times crossed", count: 1 }]),
    });
    // More is no news; neither is a little less.
    stdin?.write("printf -v y '%8000000s' ''; echo done\n");
    stdin?.write(shrink);
    await expect.poll(() => supervisor.find(id).softLimit).toMatchObject({ crossings: 1, above: false });
    stdin?.write(grow);
    await expect.poll(() => supervisor.find(id).softLimit).toMatchObject({ crossings: 2, above: true });
    expect(actions(site, "soft_limit").length).toBe(2);
    expect(describeState(supervisor.find(id))).toMatchObject({ SoftLimitCrossings: 2 });
    expect(engine.said).toEqual([
      expect.stringMatching(
        /^container grows: soft limit: its memory, \S+, is above 24MiB \(--memory-reservation\): \w+ \(process \d+\) has grown most, to \S+$/,
      ),
      expect.stringContaining("soft limit"),
    ]);
    await supervisor.stop(id, { timeout: 0 });
    // What was known of the run stays known, until the next one.
    expect(supervisor.find(id).softLimit?.crossings).toBe(2);
    await supervisor.start(id);
    expect(supervisor.find(id).softLimit).toBeUndefined();
  });
});

test("a soft limit may come later, and is watched by the next supervisor too", async () => {
  await onSite(async (site) => {
    const { supervisor, engine } = site;
    const id = await start(site, { limit: 256 * MiB });
    const attached = supervisor.attach(id);
    await supervisor.update(id, { resources: { memory: { reservation: 24 * MiB } } });
    attached.stdin?.write(grow);
    await expect.poll(() => supervisor.find(id).softLimit?.crossings).toBe(1);
    await supervisor.close({ stop: false });
    const next = await createSupervisor(engine.instance, (line) => engine.said.push(line));
    // It is still above: that is known already.
    next.attach(id).stdin?.write(shrink);
    await expect.poll(() => next.find(id).softLimit).toMatchObject({ crossings: 1, above: false });
    next.attach(id).stdin?.write(grow);
    await expect.poll(() => next.find(id).softLimit).toMatchObject({ crossings: 2, above: true });
    await next.remove(id, { force: true, volumes: false });
    await next.close({ stop: false });
  });
});

test("a process that is killed for want of memory is told at once, also when the container goes on", async () => {
  await onSite(async (site) => {
    const { supervisor } = site;
    const id = await start(site, { limit: 24 * MiB, swap: 24 * MiB });
    const { stdin } = supervisor.attach(id);
    stdin?.write("tail /dev/zero\n");
    await expect.poll(() => actions(site, "oom").length).toBeGreaterThan(0);
    expect(supervisor.find(id).state).toBe("running");
    const before = actions(site, "oom").length;
    await supervisor.stop(id, { timeout: 0 });
    // Its end is no second one.
    expect(actions(site, "oom").length).toBe(before);
    expect(actions(site, "die").length).toBe(1);
  });
});
