// @vm
import { expect, test } from "vitest";
import type { EngineEvent } from "../../../src/supervisor/events.ts";
import { createSupervisor } from "../../../src/supervisor/supervisor.ts";
import { withEngine } from "../../harness/engine.ts";

/** Does what it reads, in the shell itself. */
const obedient = ["/bin/bash", "-c", 'while read -r line; do eval "$line"; done'];
const bomb = "for i in 1 2 3 4 5 6 7 8 9; do sleep 30 & done 2> /dev/null\n";

test("forks that the limit of processes refuses are told, and what goes well is not", async () => {
  await withEngine(async (engine) => {
    const supervisor = await createSupervisor(engine.instance, (line) => engine.said.push(line));
    const events: EngineEvent[] = [];
    supervisor.events.listen((event) => {
      if (event.action === "pids_limit") events.push(event);
    });
    try {
      const changes = { args: obedient, interactive: true, resources: { pids: { limit: 6 } } };
      const { record } = await supervisor.create(engine.request({ ...changes, name: "forks" }));
      await supervisor.start(record.id);
      const { stdin } = supervisor.attach(record.id);
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
    } finally {
      for (const { id } of supervisor.list()) await supervisor.remove(id, { force: true, volumes: false });
      await supervisor.close({ stop: false });
    }
    engine.said.splice(0);
  });
});
