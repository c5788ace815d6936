import { expect, test } from "vitest";
import { findContainer } from "../../../src/container/refresh.ts";
import type { RunRequest } from "../../../src/container/request.ts";
import { describeStatus } from "../../../src/container/status.ts";
import { stopContainer } from "../../../src/container/stop.ts";
import type { EngineEvent } from "../../../src/supervisor/events.ts";
import { createSupervisor, type Supervisor } from "../../../src/supervisor/supervisor.ts";
import { describeState } from "../../../src/supervisor/translate/state.ts";
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

/** A container that ends at once and waits for its next start, long enough to be looked at. */
async function restarting(supervisor: Supervisor, engine: Engine, name: string): Promise<string> {
  const restart = { policy: "unless-stopped", maximumRetries: 0 } as const;
  const id = await start(supervisor, engine, { name, args: ["/bin/sh", "-c", "exit 7"], restart });
  await expect.poll(() => supervisor.find(id).restartCount ?? 0, { timeout: 30_000 }).toBeGreaterThan(4);
  // The next wait is three seconds.
  await expect.poll(() => supervisor.find(id).state).toBe("restarting");
  return id;
}

test("between two runs a container is restarting, and stop is the end of that", async () => {
  await withSupervisor(async (supervisor, engine) => {
    const id = await restarting(supervisor, engine, "loops");
    const record = supervisor.find(id);
    expect(describeStatus(record, Date.now())).toMatch(/^Restarting \(7\) .* ago$/);
    expect(describeState(record)).toMatchObject({
      ...{ Status: "restarting", Restarting: true, Running: true, Paused: false, Pid: 0, ExitCode: 7 },
    });
    await expect(supervisor.remove(id, { force: false, volumes: false })).rejects.toThrow(
      /restarting container/,
    );
    const waiting = supervisor.wait(id, "not-running", new AbortController().signal);
    await supervisor.stop(id, {});
    expect(await waiting).toMatchObject({ code: 7 });
    expect(supervisor.find(id)).toMatchObject({ state: "exited", exit: { code: 7, reason: "stopped" } });
    const { restartCount } = supervisor.find(id);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(supervisor.find(id)).toMatchObject({ state: "exited", restartCount });
    // A user's start counts from nothing again.
    await supervisor.start(id);
    expect(supervisor.find(id).restartCount ?? 0).toBeLessThan(2);
  });
});

test("a container that was to be started again is so by the next supervisor, unless it was stopped by its files", async () => {
  await withEngine(async (engine) => {
    const say = (line: string): number => engine.said.push(line);
    const supervisor = await createSupervisor(engine.instance, say);
    const [first, second] = [
      await restarting(supervisor, engine, "first"),
      await restarting(supervisor, engine, "second"),
    ];
    await expect.poll(() => supervisor.find(first).state).toBe("restarting");
    await supervisor.close({ stop: false });
    const { restartCount = 0 } = findContainer(engine.instance, first);
    // It may just have been started once more, and have ended: nobody has written that down yet.
    await expect.poll(() => findContainer(engine.instance, second).state).toMatch(/^(restarting|exited)$/);
    if (findContainer(engine.instance, second).state === "restarting")
      await stopContainer(engine.instance, findContainer(engine.instance, second));
    const stopped = findContainer(engine.instance, second);
    const next = await createSupervisor(engine.instance, say);
    await expect.poll(() => next.find(first).restartCount ?? 0).toBeGreaterThan(restartCount);
    if (stopped.state === "exited" && stopped.exit?.reason === "stopped")
      expect(next.find(second)).toMatchObject({ state: "exited", restartCount: stopped.restartCount });
    for (const id of [first, second]) await next.remove(id, { force: true, volumes: false });
    await next.close({ stop: false });
    expect(engine.said).toEqual([]);
  });
});

test("a supervisor that stops its containers is no user: the next one starts them again", async () => {
  await withEngine(async (engine) => {
    const say = (line: string): number => engine.said.push(line);
    const supervisor = await createSupervisor(engine.instance, say);
    const restart = { policy: "unless-stopped", maximumRetries: 0 } as const;
    const args = ["/bin/sleep", "1000"];
    const id = await start(supervisor, engine, { args, restart, stopTimeout: 0 });
    const other = await start(supervisor, engine, { args, restart, stopTimeout: 0 });
    await supervisor.stop(other, {});
    await supervisor.close({ stop: true });
    expect(findContainer(engine.instance, id)).toMatchObject({ state: "exited", exit: { shutdown: true } });
    const next = await createSupervisor(engine.instance, say);
    await expect.poll(() => next.find(id).state).toBe("running");
    expect(next.find(other).state).toBe("exited");
    for (const one of [id, other]) await next.remove(one, { force: true, volumes: false });
    await next.close({ stop: false });
    expect(engine.said).toEqual([]);
  });
});

test("nobody is kept who waits no longer", async () => {
  await withSupervisor(async (supervisor, engine) => {
    const id = await start(supervisor, engine, { args: ["/bin/sleep", "1000"] });
    for (const condition of ["not-running", "next-exit", "removed"] as const) {
      const gone = new AbortController();
      const waiting = supervisor.wait(id, condition, gone.signal);
      expect(supervisor.awaited(id)).toBeGreaterThan(0);
      gone.abort();
      await expect(waiting).rejects.toThrow(/abort/);
      expect(supervisor.awaited(id)).toBe(0);
    }
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
