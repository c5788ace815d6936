import { expect, test } from "vitest";
import type { RunRequest } from "../../../src/container/request.ts";
import { stopContainer } from "../../../src/container/stop.ts";
import { ConflictError, NotFoundError, NotModifiedError } from "../../../src/core/errors.ts";
import { createSupervisor } from "../../../src/supervisor/supervisor.ts";
import { openDescriptors, withEngine } from "../../harness/engine.ts";

const network: RunRequest["network"] = {
  kind: "bridge",
  attachments: [{ network: "bridge", ifname: "eth0", aliases: [] }],
};

/** Numbers that look random and are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

test("ten clients at once on the same few containers lose nothing and leave nothing", async () => {
  await withEngine(async (engine) => {
    expect(await engine.run(engine.request({ network }))).toBe(0);
    const say = (line: string): number => engine.said.push(line);
    // What the event loop opens once: inotify, for one. By another supervisor, which closes what it has opened itself.
    const first = await createSupervisor(engine.instance, say);
    const warm = await first.create(engine.request({ name: "warm", args: ["/bin/sleep", "1000"], network }));
    await first.start(warm.record.id);
    await stopContainer(engine.instance, first.find("warm"), { timeout: 0 });
    await first.remove("warm", { force: true, volumes: false });
    await first.close({ stop: false });
    // A handle that is closed is closed in the next turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const descriptors = openDescriptors();
    const supervisor = await createSupervisor(engine.instance, say);
    const names = ["north", "south", "west", "mid"];
    const counts: Record<string, number> = {};
    const client = async (seed: number): Promise<void> => {
      const next = numbers(seed);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
      for (let turn = 0; turn < 200; turn++) {
        const name = pick(names);
        const args = pick([["/bin/true"], ["/bin/sleep", "1000"], ["/bin/sh", "-c", "seq 1 2000"]]);
        const acts = {
          create: () => supervisor.create(engine.request({ name, args, network })),
          start: () => supervisor.start(name),
          stop: () => supervisor.stop(name, { timeout: 0 }),
          kill: () => supervisor.kill(name, 9),
          restart: () => supervisor.restart(name, { timeout: 0 }),
          remove: () => supervisor.remove(name, { force: next() < 0.7, volumes: false }),
        };
        const what = pick(Object.keys(acts) as (keyof typeof acts)[]);
        try {
          await acts[what]();
          counts[what] = (counts[what] ?? 0) + 1;
        } catch (error) {
          const expected =
            error instanceof ConflictError ||
            error instanceof NotFoundError ||
            error instanceof NotModifiedError ||
            /is in use by container|is not running|just been|is just being/.test(String(error));
          if (!expected) throw new Error(`${what} ${name}: ${String(error)}`, { cause: error });
        }
      }
    };
    await Promise.all(Array.from({ length: 10 }, (_, i) => client(i + 1)));
    for (const what of ["create", "start", "stop", "remove"]) expect(counts[what]).toBeGreaterThan(3);
    for (const { id } of supervisor.list()) await supervisor.remove(id, { force: true, volumes: false });
    await supervisor.close({ stop: false });
    expect(engine.said).toEqual([]);
    await engine.expectClean(descriptors);
  });
}, 300_000);
