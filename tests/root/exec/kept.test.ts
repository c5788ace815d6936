import { closeSync, copyFileSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { type ExecOptions, finishExec, type StartedExec, startExec } from "../../../src/container/exec.ts";
import { awaitExec } from "../../../src/container/exec-await.ts";
import {
  execState,
  forgetExecs,
  listExecs,
  readExec,
  removeExec,
} from "../../../src/container/exec-records.ts";
import type { ExecRequest } from "../../../src/container/exec-request.ts";
import { findContainer } from "../../../src/container/refresh.ts";
import { makePipe } from "../../../src/sys/pipe.ts";
import { isAlive } from "../../../src/sys/process.ts";
import { resizeTerminal } from "../../../src/sys/pty.ts";
import { execHost } from "../../harness/exec-host.ts";
import { holdFile } from "../../harness/file-lease.ts";

const { host, run, end } = execHost();

const plain: Omit<ExecRequest, "args"> = { env: [], terminal: false, privileged: false };

function start(args: readonly string[], more: Partial<ExecRequest> = {}, options: Partial<ExecOptions> = {}) {
  const { place } = host();
  const nothing = openSync("/dev/null", "r+");
  return startExec(
    place,
    findContainer(place, "kept"),
    { ...plain, args, ...more },
    { lifetime: "kept", stdio: [nothing, nothing, nothing], ...options },
  ).finally(() => closeSync(nothing));
}

const forget = ({ record }: StartedExec) => removeExec(host().place, record.container, record.id);

describe("an exec that a server keeps", () => {
  test("has its exit code on record until it is removed", async () => {
    const container = await run("kept");
    const { place } = host();
    const started = await start(["/bin/sh", "-c", "read word; exit 9"], {}, { id: "ab".repeat(32) });
    const { record } = started;
    expect(record.id).toBe("ab".repeat(32));
    expect(await awaitExec(place, started)).toBe(9);
    expect(execState(place, record)).toEqual({ running: false, exitCode: 9, pid: 0 });
    expect(readExec(place, record.container, record.id)).toEqual(record);
    expect(listExecs(place, record.container)).toEqual([record]);
    forget(started);
    expect(listExecs(place, record.container)).toEqual([]);
    expect(existsSync(join(place.state, "containers", record.container, "exec"))).toBe(false);
    // Its monitor is no zombie of ours.
    expect(existsSync(`/proc/${record.monitor.pid}`)).toBe(false);
    await end("kept", container);
  });

  test("runs on pipes, and nothing of them stays open", async () => {
    const container = await run("kept");
    const before = readdirSync("/proc/self/fd").length;
    const [input, output] = [makePipe(), makePipe()];
    const started = await start(
      ["/bin/sh", "-c", "cat; echo done"],
      {},
      { stdio: [input[0], output[1], output[1]] },
    );
    for (const fd of [input[0], output[1]]) closeSync(fd);
    expect(execState(host().place, started.record)).toMatchObject({ running: true });
    const writer = new Socket({ fd: input[1], readable: false });
    const reader = new Socket({ fd: output[0], writable: false });
    const bytes = Buffer.alloc(1 << 20, "0123456789abcdef\n");
    const [said] = await Promise.all([
      buffer(reader),
      new Promise((resolve) => writer.end(bytes, resolve as () => void)),
    ]);
    expect(said.equals(Buffer.concat([bytes, Buffer.from("done\n")]))).toBe(true);
    expect(await awaitExec(host().place, started)).toBe(0);
    forget(started);
    await expect.poll(() => readdirSync("/proc/self/fd").length).toBe(before);
    await end("kept", container);
  });

  test("has a terminal of the size it was given, and of each new one", async () => {
    const container = await run("kept");
    const script = 'stty size; trap "stty size; exit 4" WINCH; echo ready; while :; do sleep 0.05; done';
    const started = await start(["/bin/bash", "-c", script], {
      terminal: true,
      size: { rows: 33, columns: 99 },
    });
    const master = started.terminal ?? -1;
    const { ReadStream } = await import("node:tty");
    const screen = new ReadStream(master);
    let seen = "";
    const ready = new Promise<void>((resolve) => {
      screen.on("data", (part) => {
        seen += String(part);
        if (seen.includes("ready")) resolve();
      });
    });
    const over = new Promise<void>((resolve) => {
      for (const event of ["error", "close"]) screen.on(event, () => resolve());
    });
    await ready;
    resizeTerminal(master, 44, 111);
    expect(await awaitExec(host().place, started)).toBe(4);
    await over;
    expect(seen).toBe("33 99\r\nready\r\n44 111\r\n");
    forget(started);
    await end("kept", container);
  });

  test("lives on without whoever started it, and its exit code is found by the next", async () => {
    const container = await run("kept");
    const started = await start(["/bin/sh", "-c", "sleep 0.3; exit 6"]);
    started.launched.control.close();
    const { place } = host();
    expect(execState(place, started.record)).toEqual({
      running: true,
      exitCode: undefined,
      pid: started.record.process.pid,
    });
    await expect
      .poll(() => execState(place, started.record))
      .toEqual({ running: false, exitCode: 6, pid: 0 });
    // A supervisor that takes over removes what nobody asks for, and leaves what runs.
    const other = await start(["/bin/sleep", "1000"]);
    forgetExecs(place, started.record.container);
    expect(listExecs(place, started.record.container)).toEqual([other.record]);
    finishExec(place, other);
    expect(listExecs(place, started.record.container)).toEqual([]);
    await end("kept", container);
  });

  test("that has ended with the container ended by SIGKILL", async () => {
    const container = await run("kept");
    const started = await start(["/bin/sleep", "1000"]);
    const ended = awaitExec(host().place, started);
    await end("kept", container);
    expect(await ended).toBe(137);
  });

  test("whose monitor was killed is told of as killed, and leaves no process", async () => {
    const container = await run("kept");
    const started = await start(["/bin/sleep", "1000"]);
    process.kill(started.record.monitor.pid, "SIGKILL");
    expect(await awaitExec(host().place, started)).toBe(137);
    await expect.poll(() => isAlive(started.record.process)).toBe(false);
    forget(started);
    await end("kept", container);
  });

  test("that is slow to start holds up nobody else", async () => {
    const file = join(host().place.root, "slow");
    copyFileSync("/bin/true", file);
    const container = await run("kept", ["-v", `${file}:/slow`]);
    const release = holdFile(file);
    const starting = start(["/slow"]);
    // Many turns of the event loop, in which others have been served.
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
    const [record] = listExecs(host().place, findContainer(host().place, "kept").id);
    expect(readFileSync(`/proc/${record?.process.pid}/comm`, "utf8")).toBe("mdocker-exec\n");
    release();
    const started = await starting;
    expect(await awaitExec(host().place, started)).toBe(0);
    forget(started);
    await end("kept", container);
  });

  test("fifty at once, each with its own code", async () => {
    const container = await run("kept");
    const before = readdirSync("/proc/self/fd").length;
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, code) => start(["/bin/sh", "-c", `sleep 0.1; exit ${code}`])),
    );
    const codes = await Promise.all(all.map((started) => awaitExec(host().place, started)));
    expect(codes).toEqual(codes.map((_, code) => code));
    all.forEach(forget);
    await expect.poll(() => readdirSync("/proc/self/fd").length).toBe(before);
    await end("kept", container);
  });
});
