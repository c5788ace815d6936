import { expect, test } from "vitest";
import type { RunRequest } from "../../../src/container/request.ts";
import type { EngineEvent } from "../../../src/supervisor/events.ts";
import { createSupervisor, type Supervisor } from "../../../src/supervisor/supervisor.ts";
import { type Engine, withEngine } from "../../harness/engine.ts";

async function withSupervisor(act: (supervisor: Supervisor, engine: Engine) => Promise<void>): Promise<void> {
  await withEngine(async (engine) => {
    const supervisor = await createSupervisor(engine.instance, (line) => engine.said.push(line));
    await act(supervisor, engine);
    for (const { id } of supervisor.list()) await supervisor.remove(id, { force: true, volumes: false });
    await supervisor.close({ stop: false });
    expect(engine.said).toEqual([]);
  });
}

async function start(supervisor: Supervisor, engine: Engine, changes: Partial<RunRequest>): Promise<string> {
  const { record } = await supervisor.create(engine.request(changes));
  await supervisor.start(record.id);
  return record.id;
}

/** Resolves with the first event from now on that `is` wanted. */
function event({ events }: Supervisor, is: (event: EngineEvent) => boolean): Promise<EngineEvent> {
  return new Promise((resolve) => {
    const unlisten = events.listen((one) => {
      if (!is(one)) return;
      unlisten();
      resolve(one);
    });
  });
}

test("on-failure starts again so often, and not after success", async () => {
  await withSupervisor(async (supervisor, engine) => {
    const restart = { policy: "on-failure", maximumRetries: 2 } as const;
    let deaths = 0;
    const third = event(supervisor, ({ action }) => action === "die" && ++deaths === 3);
    const id = await start(supervisor, engine, { args: ["/bin/sh", "-c", "exit 3"], restart });
    await third;
    expect(supervisor.find(id)).toMatchObject({ state: "exited", restartCount: 2, exit: { code: 3 } });
    const fine = event(supervisor, ({ action }) => action === "die");
    const other = await start(supervisor, engine, { args: ["/bin/true"], restart });
    await fine;
    expect(supervisor.find(other)).toMatchObject({ state: "exited", exit: { code: 0 } });
    expect(supervisor.find(other).restartCount ?? 0).toBe(0);
  });
});

test("always starts again what was killed, not what was stopped; also by the next supervisor", async () => {
  await withSupervisor(async (supervisor, engine) => {
    const restart = { policy: "always", maximumRetries: 0 } as const;
    const id = await start(supervisor, engine, { args: ["/bin/sleep", "1000"], restart });
    const { init } = supervisor.find(id);
    const again = event(supervisor, ({ action }) => action === "start");
    process.kill(Number(init?.pid), "SIGKILL");
    await again;
    expect(supervisor.find(id)).toMatchObject({ state: "running", restartCount: 1 });
    await supervisor.stop(id, { timeout: 1 });
    expect(supervisor.find(id)).toMatchObject({ state: "exited", exit: { reason: "stopped" } });
    await supervisor.close({ stop: false });
    const next = await createSupervisor(engine.instance, (line) => engine.said.push(line));
    await expect.poll(() => next.find(id).state).toBe("running");
    await next.remove(id, { force: true, volumes: false });
    await next.close({ stop: false });
  });
});

test("health checks are run in the container, and what they find is known", async () => {
  await withSupervisor(async (supervisor, engine) => {
    const health = {
      test: ["CMD-SHELL", "echo looked; test -e /tmp/well"],
      intervalMs: 50,
      timeoutMs: 5000,
      startPeriodMs: 0,
      retries: 2,
    };
    const ill = event(supervisor, ({ action }) => action === "health_status: unhealthy");
    const id = await start(supervisor, engine, {
      args: ["/bin/sh", "-c", "read x; touch /tmp/well; sleep 1000"],
      interactive: true,
      health,
    });
    await ill;
    expect(supervisor.find(id).health).toMatchObject({ status: "unhealthy", failingStreak: 2 });
    expect(supervisor.find(id).health?.log.at(-1)).toMatchObject({ exitCode: 1, output: "looked\n" });
    const well = event(supervisor, ({ action }) => action === "health_status: healthy");
    supervisor.attach(id).stdin?.write("now\n");
    await well;
    expect(supervisor.find(id).health).toMatchObject({ status: "healthy", failingStreak: 0 });
  });
});
