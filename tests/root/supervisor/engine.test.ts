import { once } from "node:events";
import type { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import type { RunRequest } from "../../../src/container/request.ts";
import { readRecord } from "../../../src/container/store.ts";
import { createSupervisor, Supervisor } from "../../../src/supervisor/supervisor.ts";
import { type Engine, openDescriptors, withEngine } from "../../harness/engine.ts";

async function textOf(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

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

const never = new AbortController().signal;

/** Makes a container, and answers with its id. */
async function create(supervisor: Supervisor, engine: Engine, changes: Partial<RunRequest>): Promise<string> {
  const { record } = await supervisor.create(engine.request({ network: { kind: "none" }, ...changes }));
  return record.id;
}

describe("a detached container", () => {
  test("is created, started, ends with its code, is started again and removed", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const id = await create(supervisor, engine, {
        args: ["/bin/sh", "-c", "echo out; echo err >&2; exit 7"],
      });
      expect(supervisor.find(id).state).toBe("created");
      for (let round = 0; round < 3; round++) {
        const attachment = supervisor.attach(id);
        const wait = supervisor.wait(id, "next-exit", never);
        const [stdout, stderr] = [textOf(attachment.stdout), textOf(attachment.stderr)];
        await supervisor.start(id);
        expect((await wait).code).toBe(7);
        expect(await stdout).toBe("out\n");
        expect(await stderr).toBe("err\n");
        expect(supervisor.find(id)).toMatchObject({ state: "exited", exit: { code: 7 } });
      }
      await supervisor.remove(id, { force: false, volumes: false });
      expect(() => supervisor.find(id)).toThrow(/no such container/);
    });
  });

  test("has a stdin that ends with its client's", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const id = await create(supervisor, engine, { args: ["/bin/cat"], interactive: true, stdinOnce: true });
      const { stdin, stdout } = supervisor.attach(id);
      const text = textOf(stdout);
      stdin?.write("before the start\n");
      const wait = supervisor.wait(id, "next-exit", never);
      await supervisor.start(id);
      stdin?.end("and after it\n");
      expect((await wait).code).toBe(0);
      expect(await text).toBe("before the start\nand after it\n");
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });

  test("has a terminal with the size that is asked for", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const id = await create(supervisor, engine, {
        args: ["/bin/sh", "-c", "read x; stty size; echo got $x"],
        interactive: true,
        terminal: true,
      });
      const { stdin, stdout } = supervisor.attach(id);
      const text = textOf(stdout);
      const wait = supervisor.wait(id, "next-exit", never);
      await supervisor.start(id);
      supervisor.resize(id, 31, 77);
      stdin?.write("word\n");
      expect((await wait).code).toBe(0);
      expect(await text).toBe("word\r\n31 77\r\ngot word\r\n");
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });

  test("loses nothing of what its terminal shows last", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const args = ["/bin/sh", "-c", "seq 1 3000; echo last"];
      const id = await create(supervisor, engine, { args, interactive: true, terminal: true });
      const expected = `${Array.from({ length: 3000 }, (_, i) => `${i + 1}\r\n`).join("")}last\r\n`;
      for (let round = 0; round < 40; round++) {
        const text = textOf(supervisor.attach(id).stdout);
        await supervisor.start(id);
        expect(
          (await text) === expected,
          `round ${round}: ${(await text).length} of ${expected.length}`,
        ).toBe(true);
        await supervisor.wait(id, "not-running", never);
      }
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });

  test("that cannot be executed says why, and stays as it was", async () => {
    await withSupervisor(async (supervisor, engine) => {
      for (const terminal of [false, true]) {
        const id = await create(supervisor, engine, { args: ["/bin/nothing"], terminal, interactive: true });
        await expect(supervisor.start(id)).rejects.toThrow("/bin/nothing");
        expect(supervisor.find(id)).toMatchObject({ state: "created", exit: { code: 127 } });
        await supervisor.remove(id, { force: false, volumes: false });
      }
    });
  });

  test("loses no output to a slow reader", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const id = await create(supervisor, engine, { args: ["/bin/sh", "-c", "seq 1 300000"] });
      const { stdout } = supervisor.attach(id);
      const wait = supervisor.wait(id, "next-exit", never);
      await supervisor.start(id);
      await once(stdout, "readable");
      const expected = Array.from({ length: 300_000 }, (_, i) => `${i + 1}\n`).join("");
      expect(await textOf(stdout)).toBe(expected);
      await wait;
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });

  test("is removed by force, and by itself", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const id = await create(supervisor, engine, { args: ["/bin/sleep", "1000"] });
      await supervisor.start(id);
      await expect(supervisor.remove(id, { force: false, volumes: false })).rejects.toThrow("running");
      await supervisor.remove(id, { force: true, volumes: false });
      const other = await create(supervisor, engine, { args: ["/bin/sh", "-c", "exit 3"], autoRemove: true });
      const wait = supervisor.wait(other, "removed", never);
      await supervisor.start(other);
      expect((await wait).code).toBe(3);
      expect(supervisor.list()).toEqual([]);
    });
  });

  test("goes on without a supervisor, and the next one sees its end", async () => {
    await withSupervisor(async (first, engine) => {
      const say = (line: string): number => engine.said.push(line);
      for (const terminal of [false, true]) {
        const args = ["/bin/sh", "-c", "echo ready; read word; echo $word; exit 5"];
        const id = await create(first, engine, { args, interactive: true, terminal });
        await first.start(id);
        const before = first.attach(id);
        await once(before.stdout, "data");
        await first.close({ stop: false });
        expect(first.find(id).state).toBe("running");
        const second = await createSupervisor(engine.instance, say);
        const { stdin, stdout } = second.attach(id);
        const [text, wait] = [textOf(stdout), second.wait(id, "next-exit", never)];
        stdin?.write("over\n");
        expect((await wait).code).toBe(5);
        expect(await text).toContain("over");
        await second.remove(id, { force: false, volumes: false });
        await second.close({ stop: false });
      }
    });
  });

  test("that ended without a supervisor is known to the next one, exit code included", async () => {
    await withSupervisor(async (first, engine) => {
      const id = await create(first, engine, {
        args: ["/bin/sh", "-c", "read x; exit 6"],
        interactive: true,
      });
      await first.start(id);
      const { stdin } = first.attach(id);
      stdin?.write("now\n");
      await first.close({ stop: false });
      await expect.poll(() => first.find(id).state).toBe("exited");
      const second = await createSupervisor(engine.instance, (line) => engine.said.push(line));
      const { code } = await second.wait(id, "not-running", never);
      expect(code).toBe(6);
      await expect.poll(() => readRecord(engine.instance, id)?.state).toBe("exited");
      await second.remove(id, { force: false, volumes: false });
      await second.close({ stop: false });
    });
  });

  test("is stopped, and killed when it does not listen; both are told apart", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const polite = await create(supervisor, engine, { args: ["/bin/sleep", "1000"] });
      const stubborn = await create(supervisor, engine, {
        args: ["/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"],
      });
      const { stdout } = supervisor.attach(stubborn);
      for (const id of [polite, stubborn]) await supervisor.start(id);
      await once(stdout, "data");
      await Promise.all([polite, stubborn].map((id) => supervisor.stop(id, { timeout: 1 })));
      expect(supervisor.find(polite).exit).toMatchObject({ code: 143, reason: "stopped" });
      expect(supervisor.find(stubborn).exit).toMatchObject({ code: 137, reason: "killed" });
      await expect(supervisor.stop(polite, {})).rejects.toThrow("not running");
      await supervisor.restart(polite, {});
      expect(supervisor.find(polite).state).toBe("running");
      for (const id of [polite, stubborn]) await supervisor.remove(id, { force: true, volumes: false });
    });
  });
});
