import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { connectSupervisor } from "../../../src/cli/client.ts";
import { hasErrno } from "../../../src/core/errors.ts";
import { home } from "../../../src/core/home.ts";
import { supervisorSocket } from "../../../src/core/paths.ts";
import { call } from "../../../src/sys/call.ts";
import { runCommand, startCommand } from "../../harness/command.ts";
import { type Engine, openDescriptors, withEngine } from "../../harness/engine.ts";
import { endSupervisor, supervisorOf } from "../../harness/supervisor.ts";

const program = join(home, "bin/mdocker");

function environment({ instance }: Engine): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    MDOCKER_ROOT: instance.root,
    MDOCKER_STATE: instance.state,
    MDOCKER_PREFIX: instance.prefix,
  };
}

/** A unix socket bound to `path`: of streams (1) or datagrams (2). */
function bound(path: string, type: 1 | 2): number {
  const fd = call("int socket(int domain, int type, int protocol)", [1, type | 0o2000000, 0], {
    call: "socket",
  });
  const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(path)]);
  call("int bind(int fd, void *address, unsigned int size)", [fd, address, address.length], { call: "bind" });
  return fd;
}

/** What is sent to a datagram socket at `path`, one after the other: Node has no such sockets. */
function receiveDatagrams(path: string): { next: () => Promise<string>; close: () => void } {
  const failure = { call: "recv" };
  const fd = bound(path, 2);
  const receive = (): string | undefined => {
    const data = Buffer.alloc(100);
    try {
      const length = call(
        "long recv(int fd, void *data, size_t size, int flags)",
        [fd, data, 100, 0x40],
        failure,
      );
      return data.toString("utf8", 0, length);
    } catch (error) {
      if (hasErrno(error, "EAGAIN")) return undefined;
      throw error;
    }
  };
  const next = async (): Promise<string> => {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const text = receive();
      if (text !== undefined) return text;
      if (Date.now() > deadline) throw new Error("nothing was sent");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { next, close: () => closeSync(fd) };
}

/** The living processes that are supervisors of this instance, or are about to be. */
function supervisors({ instance }: Engine): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      const env = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      const ours = args.includes(instance.state) || env.includes(`MDOCKER_STATE=${instance.state}`);
      return ours && args.includes("supervisor");
    } catch {
      return false;
    }
  });
}

describe("the supervisor", () => {
  test("is started by whoever needs it first, once, and ends in order", async () => {
    await withEngine(async (engine) => {
      const { instance } = engine;
      const descriptors = openDescriptors();
      const clients = await Promise.all(Array.from({ length: 4 }, () => connectSupervisor(instance)));
      const pid = supervisorOf(instance);
      expect(pid).toBeDefined();
      for (const client of clients) {
        const { json } = await client.request("GET", "/info");
        expect(json).toMatchObject({ DockerRootDir: instance.root, Containers: 0 });
      }
      const deadline = Date.now() + 10_000;
      while (supervisors(engine).length > 1 && Date.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 5));
      expect(supervisors(engine)).toEqual([String(pid)]);
      expect(statSync(supervisorSocket(instance)).mode & 0o777).toBe(0o660);
      expect(readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[5]).toBe(String(pid)); // a session of its own
      await endSupervisor(instance);
      expect(existsSync(supervisorSocket(instance))).toBe(false);
      expect(readFileSync(join(instance.state, "supervisor.log"), "utf8")).toBe("");
      await engine.expectClean(descriptors);
    });
  });

  test("that was killed is followed by another, on the socket it has left", async () => {
    await withEngine(async (engine) => {
      await connectSupervisor(engine.instance);
      const first = supervisorOf(engine.instance);
      await endSupervisor(engine.instance, "SIGKILL");
      expect(existsSync(supervisorSocket(engine.instance))).toBe(true);
      await connectSupervisor(engine.instance);
      const second = supervisorOf(engine.instance);
      expect(second).toBeDefined();
      expect(second).not.toBe(first);
      await endSupervisor(engine.instance);
    });
  });

  test("listens on further paths, says so when it cannot, and runs once", async () => {
    await withEngine(async (engine) => {
      const { root, state } = engine.instance;
      const env = environment(engine);
      const taken = join(root, "taken.sock");
      const other = createServer().listen(taken);
      await once(other, "listening");
      writeFileSync(join(root, "file"), "");
      for (const [host, why] of [
        [`unix://${taken}`, "another process does"],
        [`unix://${join(root, "file")}`, "no socket"],
        [`unix://${join(root, "x".repeat(110))}`, "at most 107 bytes"],
      ] as const) {
        const { code, stderr } = await runCommand([program, "supervisor", "-H", host], { env });
        expect(stderr).toMatch(new RegExp(`^mdocker: [^\n]*${why}\n$`));
        expect(code).toBe(2);
      }
      const { code, stderr } = await runCommand([program, "supervisor", "-H", "tcp://0.0.0.0:1"], { env });
      expect([code, stderr]).toEqual([1, "mdocker: -H: tcp://0.0.0.0:1: expected unix:///PATH\n"]);
      await new Promise((resolve) => other.close(resolve));

      const further = join(root, "further/api.sock");
      const running = startCommand(
        ["sh", "-c", `exec ${program} supervisor -H unix://${further} --ready-fd 3 3>&1`],
        {
          env,
        },
      );
      await running.says(/^ready\n$/);
      const docker = await runCommand(["curl", "-s", "--unix-socket", further, "http://d/v1.30/_ping"]);
      expect(docker.stdout).toBe("OK");
      const second = await runCommand([program, "supervisor"], { env });
      expect(second.code).toBe(2);
      expect(second.stderr).toBe(`mdocker: supervisor: one runs already: process ${running.pid}\n`);
      process.kill(running.pid, "SIGTERM");
      expect((await running.ended).code).toBe(0);
      expect(existsSync(further)).toBe(false);
      expect(readdirSync(state).filter((name) => name.endsWith(".sock"))).toEqual([]);
    });
  });

  test("takes the sockets that systemd listens on, and tells it when it is ready", async () => {
    await withEngine(async (engine) => {
      const path = supervisorSocket(engine.instance);
      const listening = bound(path, 1);
      call("int listen(int fd, int backlog)", [listening, 5], { call: "listen" });
      const notify = join(engine.instance.root, "notify");
      const heard = receiveDatagrams(notify);
      const child = spawn(
        "sh",
        ["-c", `LISTEN_PID=$$ LISTEN_FDS=1 NOTIFY_SOCKET=${notify} exec ${program} supervisor -H fd://`],
        { env: environment(engine), stdio: ["ignore", "inherit", "inherit", listening] },
      );
      const ready = await heard.next();
      expect(ready).toBe("READY=1");
      closeSync(listening);
      const client = await connectSupervisor(engine.instance);
      expect((await client.request("GET", "/version")).status).toBe(200);
      child.kill("SIGTERM");
      const [code] = (await once(child, "close")) as [number];
      expect(code).toBe(0);
      expect(await heard.next()).toBe("STOPPING=1");
      heard.close();
    });
  });
});
