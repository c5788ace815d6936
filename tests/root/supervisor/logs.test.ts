import { describe, expect, test } from "vitest";
import type { RunRequest } from "../../../src/container/request.ts";
import { containerPaths } from "../../../src/container/store.ts";
import { readLogs } from "../../../src/logs/read.ts";
import { createSupervisor, Supervisor } from "../../../src/supervisor/supervisor.ts";
import { type Engine, openDescriptors, withEngine } from "../../harness/engine.ts";

const never = new AbortController().signal;

/** A supervisor on a host of its own; afterwards nothing of it may be left. */
async function withSupervisor(act: (supervisor: Supervisor, engine: Engine) => Promise<void>): Promise<void> {
  await withEngine(async (engine) => {
    const descriptors = openDescriptors();
    const supervisor = new Supervisor(engine.instance, (line) => engine.said.push(line));
    await act(supervisor, engine);
    expect(engine.said).toEqual([]);
    await engine.expectClean(descriptors);
  });
}

async function create(supervisor: Supervisor, engine: Engine, changes: Partial<RunRequest>): Promise<string> {
  const { record } = await supervisor.create(engine.request({ network: { kind: "none" }, ...changes }));
  return record.id;
}

async function logOf(engine: Engine, id: string): Promise<{ stdout: string; stderr: string }> {
  const text = { stdout: "", stderr: "" };
  const { directory } = containerPaths(engine.instance, id);
  for await (const { stream, line } of readLogs(directory, { stdout: true, stderr: true })) {
    text[stream] += line.toString();
  }
  return text;
}

describe("the log of a detached container", () => {
  test("holds both streams of each of its runs, as soon as it has ended", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const id = await create(supervisor, engine, {
        args: ["/bin/sh", "-c", "seq 1 20000; echo err >&2; printf end"],
      });
      const stdout = `${Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join("")}end`;
      for (let run = 1; run <= 2; run++) {
        const wait = supervisor.wait(id, "next-exit", never);
        await supervisor.start(id);
        await wait;
        expect(await logOf(engine, id)).toEqual({ stdout: stdout.repeat(run), stderr: "err\n".repeat(run) });
      }
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });

  test("holds what a terminal shows", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const id = await create(supervisor, engine, {
        args: ["/bin/sh", "-c", "echo a; echo b >&2"],
        terminal: true,
      });
      const wait = supervisor.wait(id, "next-exit", never);
      await supervisor.start(id);
      await wait;
      expect(await logOf(engine, id)).toEqual({ stdout: "a\r\nb\r\n", stderr: "" });
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });

  test("loses nothing between one supervisor and the next", async () => {
    await withSupervisor(async (first, engine) => {
      const id = await create(first, engine, {
        args: ["/bin/sh", "-c", "seq 1 200000; sleep 0.2; seq 200001 400000"],
      });
      await first.start(id);
      let supervisor: Supervisor = first;
      for (let change = 0; change < 5; change++) {
        await supervisor.close({ stop: false });
        supervisor = await createSupervisor(engine.instance, (line) => engine.said.push(line));
      }
      await supervisor.wait(id, "not-running", never);
      const expected = Array.from({ length: 400_000 }, (_, i) => `${i + 1}\n`).join("");
      expect((await logOf(engine, id)).stdout === expected).toBe(true);
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });

  test("is not kept by the driver none, and what is asked wrongly is refused", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const args = ["/bin/echo", "hello"];
      const id = await create(supervisor, engine, { args, log: { driver: "none", options: {} } });
      const wait = supervisor.wait(id, "next-exit", never);
      await supervisor.start(id);
      await wait;
      expect(await logOf(engine, id)).toEqual({ stdout: "", stderr: "" });
      await supervisor.remove(id, { force: false, volumes: false });
      await expect(
        create(supervisor, engine, { args, log: { driver: "syslog", options: {} } }),
      ).rejects.toThrow("--log-driver: syslog: expected json-file or none");
    });
  });

  test("is rotated as asked, and goes with its container", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const id = await create(supervisor, engine, {
        args: ["/bin/sh", "-c", "seq 1 20000"],
        log: { driver: "json-file", options: { "max-size": "100k", "max-file": "3" } },
      });
      const wait = supervisor.wait(id, "next-exit", never);
      await supervisor.start(id);
      await wait;
      const { stdout } = await logOf(engine, id);
      expect(stdout.length).toBeLessThan(30_000);
      expect(stdout.endsWith("19999\n20000\n")).toBe(true);
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });
});
