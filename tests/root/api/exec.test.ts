import { writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { connectSupervisor, type SupervisorClient } from "../../../src/cli/client.ts";
import { readExec } from "../../../src/container/exec-records.ts";
import { findContainer } from "../../../src/container/refresh.ts";
import { isAlive } from "../../../src/sys/process.ts";
import { withEngine } from "../../harness/engine.ts";
import { endSupervisor } from "../../harness/supervisor.ts";

interface ExecDocument {
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly Pid: number;
}

/** The ends of execs that this supervisor has told of: a line each, the exec and its exit code. */
async function toldEnds(client: SupervisorClient): Promise<readonly string[]> {
  const query = { since: 1, until: Math.floor(Date.now() / 1000) + 1, filters: '{"event":["exec_die"]}' };
  const lines = (await text(await client.stream("GET", "/events", { query }))).split("\n").filter(Boolean);
  return lines
    .map((line) => JSON.parse(line) as { Actor: { Attributes: Readonly<Record<string, string>> } })
    .map(({ Actor }) => `${Actor.Attributes["execID"]} ${Actor.Attributes["exitCode"]}`)
    .sort();
}

const soon = { timeout: 20_000, interval: 20 };

async function execIds(client: SupervisorClient, id: string): Promise<readonly string[] | null> {
  const { json } = await client.request("GET", `/containers/${id}/json`);
  return (json as { readonly ExecIDs: readonly string[] | null }).ExecIDs;
}

async function inspect(client: SupervisorClient, exec: string): Promise<ExecDocument> {
  return (await client.request("GET", `/exec/${exec}/json`)).json as ExecDocument;
}

async function create(client: SupervisorClient, id: string, line: string): Promise<string> {
  const body = { Cmd: ["/bin/sh", "-c", line] };
  return ((await client.request("POST", `/containers/${id}/exec`, { body })).json as { Id: string }).Id;
}

test("execs are known to the next supervisor, which tells of their end: those that run, that have ended, and that were not started", async () => {
  await withEngine(async ({ instance, request }) => {
    const first = await connectSupervisor(instance);
    const body = request({ args: ["/bin/sleep", "1000"] });
    const { Id: id } = (await first.request("POST", "/mdocker/create", { body })).json as { Id: string };
    try {
      await first.request("POST", `/containers/${id}/start`);
      expect(await execIds(first, id)).toBeNull();
      const ended = await create(first, id, "exit 3");
      const ends = await create(first, id, "while ! test -e /tmp/on; do sleep 0.05; done; exit 4");
      const runs = await create(first, id, "while ! test -e /tmp/over; do sleep 0.05; done; exit 5");
      const waits = await create(first, id, "exit 6");
      for (const one of [ended, ends, runs])
        await first.request("POST", `/exec/${one}/start`, { body: { Detach: true } });
      await expect.poll(() => inspect(first, ended), soon).toMatchObject({ Running: false, ExitCode: 3 });
      expect(new Set(await execIds(first, id))).toEqual(new Set([ends, runs, waits]));
      await endSupervisor(instance, "SIGKILL");
      // One ends while nobody is there.
      const root = `/proc/${findContainer(instance, id).init?.pid}/root/tmp`;
      writeFileSync(`${root}/on`, "");
      const record = readExec(instance, id, ends);
      await expect.poll(() => record === undefined || isAlive(record.monitor), soon).toBe(false);
      const next = await connectSupervisor(instance);
      expect(await inspect(next, ended)).toMatchObject({ Running: false, ExitCode: 3 });
      expect(await inspect(next, ends)).toMatchObject({ Running: false, ExitCode: 4, Pid: 0 });
      const running = await inspect(next, runs);
      expect(running).toMatchObject({ Running: true, ExitCode: null });
      expect(running.Pid).toBeGreaterThan(0);
      expect(new Set(await execIds(next, id))).toEqual(new Set([runs, waits]));
      writeFileSync(`${root}/over`, "");
      await expect.poll(() => inspect(next, runs), soon).toMatchObject({ Running: false, ExitCode: 5 });
      await next.request("POST", `/exec/${waits}/start`, { body: { Detach: true } });
      await expect.poll(() => inspect(next, waits), soon).toMatchObject({ Running: false, ExitCode: 6 });
      expect(await execIds(next, id)).toBeNull();
      // Of those that it has not started itself, too, and once.
      await expect.poll(() => toldEnds(next), soon).toEqual([`${ends} 4`, `${runs} 5`, `${waits} 6`].sort());
      await expect(inspect(next, "ab".repeat(32))).rejects.toThrow(/No such exec/);
    } finally {
      const last = await connectSupervisor(instance);
      await last.request("DELETE", `/containers/${id}`, { query: { force: true } });
      await endSupervisor(instance);
    }
  });
});
