// @vm
import { expect, test } from "vitest";
import type { EngineEvent } from "../../../src/supervisor/events.ts";
import { createSupervisor, type Supervisor } from "../../../src/supervisor/supervisor.ts";
import { type Engine, withEngine } from "../../harness/engine.ts";

/** Does what it reads, in the shell itself. */
const obedient = ["/bin/bash", "-c", 'while read -r line; do eval "$line"; done'];
const bomb = "for i in 1 2 3 4 5 6 7 8 9; do sleep 30 & done 2> /dev/null\n";

interface Site {
  readonly engine: Engine;
  readonly supervisor: Supervisor;
  readonly events: EngineEvent[];
}

async function onSite(act: (site: Site) => Promise<void>): Promise<void> {
  await withEngine(async (engine) => {
    const supervisor = await createSupervisor(engine.instance, (line) => engine.said.push(line));
    const events: EngineEvent[] = [];
    supervisor.events.listen((event) => {
      if (event.action === "pids_limit") events.push(event);
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

async function start({ engine, supervisor }: Site, limit: number): Promise<string> {
  const changes = { args: obedient, interactive: true, resources: { pids: { limit } } };
  const { record } = await supervisor.create(engine.request({ ...changes, name: "forks" }));
  await supervisor.start(record.id);
  return record.id;
}

test("forks that the limit of processes refuses are told, and what goes well is not", async () => {
  await onSite(async (site) => {
    const { engine, supervisor, events } = site;
    const { stdin } = supervisor.attach(await start(site, 6));
    // Three of its six are there already, or come and go.
    stdin?.write("sleep 0.2 & wait\n");
    stdin?.write(bomb);
    await expect.poll(() => events.length).toBeGreaterThan(0);
    expect(events[0]?.actor.attributes).toMatchObject({ name: "forks", limit: "6" });
    expect(Number(events[0]?.actor.attributes["refused"])).toBeGreaterThan(0);
    expect(engine.said.join("\n")).toMatch(
      /container forks: \d+ forks refused so far: it has as many processes as it may, its 6 \(--pids-limit\)/,
    );
    // What is refused meanwhile is told a second later, at once.
    const before = Number(events[0]?.actor.attributes["refused"]);
    stdin?.write(bomb);
    await expect.poll(() => Number(events.at(-1)?.actor.attributes["refused"])).toBeGreaterThan(before);
  });
});

test("a limit that a container is given while it runs is watched, too, and one below what it has is told at once", async () => {
  await onSite(async (site) => {
    const { supervisor, events } = site;
    const id = await start(site, -1);
    const { stdin } = supervisor.attach(id);
    expect(await supervisor.update(id, { resources: { pids: { limit: 6 } } })).toEqual([]);
    stdin?.write(bomb);
    await expect.poll(() => events[0]?.actor.attributes).toMatchObject({ name: "forks", limit: "6" });
    const [warning] = await supervisor.update(id, { resources: { pids: { limit: 1 } } });
    expect(warning).toMatch(
      /^--pids-limit: it has \d processes and threads already: until fewer than 1 are left none can be started$/,
    );
  });
});
