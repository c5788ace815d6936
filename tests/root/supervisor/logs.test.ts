import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RunRequest } from "../../../src/container/request.ts";
import { containerPaths } from "../../../src/container/store.ts";
import { home } from "../../../src/core/home.ts";
import { supervisorSocket } from "../../../src/core/paths.ts";
import { readLogs } from "../../../src/logs/read.ts";
import { createSupervisor, Supervisor } from "../../../src/supervisor/supervisor.ts";
import { type Running, runCommand, startCommand } from "../../harness/command.ts";
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
      await supervisor.close({ stop: false });
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

describe("the logs command", () => {
  const commandLine = ({ instance }: Engine, args: readonly string[]): string[] => [
    join(home, "bin/mdocker"),
    ...["--root", instance.root, "--state", instance.state, "--prefix", instance.prefix, "logs", ...args],
  ];
  const logs = (engine: Engine, args: readonly string[]) => runCommand(commandLine(engine, args));
  const follow = (engine: Engine, args: readonly string[]): Running =>
    startCommand(commandLine(engine, ["-f", ...args]));

  /** Lets the command see that a supervisor is there. */
  async function listening<T>(engine: Engine, act: () => Promise<T>): Promise<T> {
    const server = createServer((connection) => connection.destroy());
    await new Promise<void>((resolve) => server.listen(supervisorSocket(engine.instance), resolve));
    try {
      return await act();
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  }

  test("shows both streams, its tail, its times, and what lies between two times", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const script = "seq 1 5; echo err >&2; sleep 1.2; seq 6 9; printf end";
      const id = await create(supervisor, engine, { args: ["/bin/sh", "-c", script], name: "one" });
      const wait = supervisor.wait(id, "next-exit", never);
      const before = await logs(engine, ["one"]);
      expect(before).toEqual({ code: 0, stdout: "", stderr: "" });
      await supervisor.start(id);
      await wait;
      const all = "1\n2\n3\n4\n5\n6\n7\n8\n9\nend";
      expect(await logs(engine, ["one"])).toEqual({ code: 0, stdout: all, stderr: "err\n" });
      expect(await logs(engine, ["-f", "one"])).toEqual({ code: 0, stdout: all, stderr: "err\n" });
      expect(await logs(engine, ["-n", "2", id.slice(0, 12)])).toMatchObject({ stdout: "9\nend" });
      expect(await logs(engine, ["--tail=0", "one"])).toMatchObject({ code: 0, stdout: "" });
      const { stdout: stamped } = await logs(engine, ["-t", "one"]);
      const lines = stamped.split("\n").map((line) => /^(\S{30}) (.*)$/.exec(line));
      expect(lines.map((line) => line?.[2])).toEqual(all.split("\n"));
      const sixth = lines[5]?.[1] ?? "";
      expect(await logs(engine, ["--since", sixth, "one"])).toMatchObject({
        stdout: "6\n7\n8\n9\nend",
        stderr: "",
      });
      expect(await logs(engine, ["--until", lines[4]?.[1] ?? "", "one"])).toMatchObject({
        stdout: "1\n2\n3\n4\n5\n",
      });
      expect(await logs(engine, ["--since", "10m", "--until", "5m", "one"])).toMatchObject({ stdout: "" });
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });

  test("follows until the container ends, and shows all of it", async () => {
    await withSupervisor(async (supervisor, engine) => {
      await listening(engine, async () => {
        const script = "echo ready; read x; seq 1 100000; echo err >&2; printf end";
        const id = await create(supervisor, engine, { args: ["/bin/sh", "-c", script], interactive: true });
        const { stdin, detach } = supervisor.attach(id);
        await supervisor.start(id);
        const running = follow(engine, [id]);
        await running.says(/ready/);
        stdin?.write("go\n");
        detach();
        const { code, stdout, stderr } = await running.ended;
        expect(code).toBe(0);
        expect(
          stdout === `ready\n${Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join("")}end`,
        ).toBe(true);
        expect(stderr).toBe("err\n");
        await supervisor.wait(id, "not-running", never);
        await supervisor.remove(id, { force: false, volumes: false });
      });
    });
  });

  test("ends at Ctrl-C, without its reader, and with its container's removal", async () => {
    await withSupervisor(async (supervisor, engine) => {
      await listening(engine, async () => {
        const script = "while :; do echo tick; sleep 0.05; done";
        const id = await create(supervisor, engine, { args: ["/bin/sh", "-c", script] });
        await supervisor.start(id);
        const interrupted = follow(engine, [id]);
        await interrupted.says(/tick/);
        interrupted.child.kill("SIGINT");
        expect((await interrupted.ended).code).toBe(130);
        const unread = follow(engine, [id]);
        await unread.says(/tick/);
        unread.child.stdout.destroy();
        expect((await unread.ended).code).toBe(141);
        const left = follow(engine, [id]);
        await left.says(/tick/);
        await supervisor.remove(id, { force: true, volumes: false });
        expect((await left.ended).code).toBe(0);
      });
    });
  });

  test("says in one line what cannot be shown", async () => {
    await withSupervisor(async (supervisor, engine) => {
      const id = await create(supervisor, engine, { name: "quiet", log: { driver: "none", options: {} } });
      const failure = async (args: readonly string[]): Promise<string> => {
        const { code, stdout, stderr } = await logs(engine, args);
        expect([code, stdout]).toEqual([1, ""]);
        return stderr;
      };
      expect(await failure(["quiet"])).toMatch(
        /^mdocker: container quiet was made with --log-driver none.*\n$/,
      );
      expect(await failure(["nobody"])).toBe("mdocker: no such container: nobody\n");
      expect(await failure(["-n", "few", "quiet"])).toMatch(
        /^mdocker: --tail: "few": expected a number of lines/,
      );
      expect(await failure(["--since", "soon", "quiet"])).toMatch(
        /^mdocker: --since: "soon": expected a time/,
      );
      await supervisor.remove(id, { force: false, volumes: false });
    });
  });
});
