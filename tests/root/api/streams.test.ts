import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import type { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { connectSupervisor, type SupervisorClient } from "../../../src/cli/client.ts";
import type { RunRequest } from "../../../src/container/request.ts";
import { type Api, withApi } from "../../harness/api.ts";
import { demultiplex } from "../../harness/demultiplex.ts";

async function bytesOf(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

interface Site extends Api {
  readonly client: SupervisorClient;
  readonly create: (changes: Partial<RunRequest>) => Promise<string>;
  /** A connection with this request on it. */
  readonly send: (head: string) => Socket;
}

async function withSite(act: (site: Site) => Promise<void>): Promise<void> {
  await withApi(async (api) => {
    const client = await connectSupervisor(api.engine.instance);
    await act({
      ...api,
      client,
      create: async (changes) => {
        const { json } = await client.request("POST", "/mdocker/create", {
          body: api.engine.request(changes),
        });
        return (json as { Id: string }).Id;
      },
      send: (head) => {
        const socket = connect({ path: api.socket, allowHalfOpen: true });
        socket.write(head);
        return socket;
      },
    });
    expect(api.engine.said).toEqual([]);
  });
}

/** Resolves when a child of process `pid` waits to write into a pipe (proc_pid_wchan(5)). */
async function stuck(pid: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    if (
      children.some(
        (child) => child !== "" && /pipe_write/.test(readFileSync(`/proc/${child}/wchan`, "utf8")),
      )
    )
      return;
    if (Date.now() > deadline) throw new Error("nobody waits to write");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const both = { stream: true, stdin: true, stdout: true, stderr: true };

describe("attach", () => {
  test("in the order of run: create, attach, wait, start; each stream by itself", async () => {
    await withSite(async ({ client, create }) => {
      const id = await create({ args: ["/bin/sh", "-c", "echo out; echo err >&2; exit 9"] });
      const { connection, framed } = await client.upgrade(`/containers/${id}/attach`, { query: both });
      expect(framed).toBe(true);
      const wait = await client.stream("POST", `/containers/${id}/wait`, {
        query: { condition: "next-exit" },
      });
      await client.request("POST", `/containers/${id}/start`);
      expect(demultiplex(await bytesOf(connection))).toEqual({ stdout: "out\n", stderr: "err\n" });
      expect(JSON.parse((await bytesOf(wait)).toString())).toEqual({ StatusCode: 9 });
      await client.request("DELETE", `/containers/${id}`);
    });
  });

  test("passes the end of stdin on, and what is said after it", async () => {
    await withSite(async ({ client, create }) => {
      const id = await create({
        args: ["/bin/sh", "-c", "cat; echo after the end"],
        interactive: true,
        stdinOnce: true,
      });
      const { connection } = await client.upgrade(`/containers/${id}/attach`, { query: both });
      await client.request("POST", `/containers/${id}/start`);
      connection.end("typed\n");
      expect(demultiplex(await bytesOf(connection)).stdout).toBe("typed\nafter the end\n");
      await client.request("DELETE", `/containers/${id}`);
    });
  });

  test("without an upgrade, and with stdin in the same packet as the request", async () => {
    await withSite(async ({ client, create, send }) => {
      for (const headers of ["", "connection: Upgrade\r\nupgrade: tcp\r\ncontent-length: 2\r\n"]) {
        const id = await create({ args: ["/bin/cat"], interactive: true, stdinOnce: true });
        const upgrade = headers !== "";
        const path = `/v1.41/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`;
        const socket = send(
          `POST ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n${upgrade ? "{}at once\n" : ""}`,
        );
        const [head] = (await once(socket, "data")) as [Buffer];
        expect(head.toString()).toMatch(upgrade ? /^HTTP\/1.1 101 / : /^HTTP\/1.1 200 /);
        expect(head.toString()).toContain("content-type: application/vnd.docker.raw-stream\r\n");
        await client.request("POST", `/containers/${id}/start`);
        socket.end("later\n");
        expect(demultiplex(await bytesOf(socket)).stdout).toBe(`${upgrade ? "at once\n" : ""}later\n`);
        await client.request("DELETE", `/containers/${id}`);
      }
    });
  });

  test("to a terminal is raw, has its size, and is left by the detach keys", async () => {
    await withSite(async ({ client, create, supervisor }) => {
      const id = await create({
        args: ["/bin/sh", "-c", "read x; stty size; echo got $x; read y"],
        interactive: true,
        terminal: true,
      });
      const { connection, framed } = await client.upgrade(`/containers/${id}/attach`, {
        query: { ...both, detachKeys: "ctrl-a,x" },
      });
      expect(framed).toBe(false);
      await client.request("POST", `/containers/${id}/start`);
      await client.request("POST", `/containers/${id}/resize`, { query: { h: 33, w: 99 } });
      connection.write("word\n");
      let text = "";
      for await (const part of connection) {
        text += String(part);
        if (text.includes("got word")) break;
      }
      expect(text).toBe("word\r\n33 99\r\ngot word\r\n");
      const second = await client.upgrade(`/containers/${id}/attach`, {
        query: { ...both, detachKeys: "ctrl-a,x" },
      });
      second.connection.write("\u0001x");
      expect(String(await bytesOf(second.connection))).toBe("");
      expect(supervisor.find(id).state).toBe("running");
      await client.request("DELETE", `/containers/${id}`, { query: { force: true } });
    });
  });

  test("shows what was said before, where that is asked for", async () => {
    await withSite(async ({ client, create, supervisor }) => {
      const id = await create({
        args: ["/bin/sh", "-c", "echo past; read x; echo got $x"],
        interactive: true,
      });
      const { connection: first } = await client.upgrade(`/containers/${id}/attach`, { query: both });
      await client.request("POST", `/containers/${id}/start`);
      await once(first, "data");
      first.destroy();
      const { connection } = await client.upgrade(`/containers/${id}/attach`, {
        query: { ...both, logs: true },
      });
      connection.end("word\n");
      expect(demultiplex(await bytesOf(connection)).stdout).toBe("past\ngot word\n");
      await supervisor.wait(id, "not-running", new AbortController().signal);
      await client.request("DELETE", `/containers/${id}`);
    });
  });

  test("by a slow client makes the container wait, and loses nothing", async () => {
    await withSite(async ({ client, create, supervisor }) => {
      const id = await create({ args: ["/bin/sh", "-c", "exec seq 1 2000000"] });
      const { connection } = await client.upgrade(`/containers/${id}/attach`, { query: both });
      const expected = Array.from({ length: 2_000_000 }, (_, i) => `${i + 1}\n`).join("");
      const before = process.memoryUsage().arrayBuffers;
      await client.request("POST", `/containers/${id}/start`);
      await once(connection, "readable");
      await stuck(supervisor.find(id).init?.pid ?? 0);
      // 14 MiB are to be written, and do not wait here.
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * 1024 * 1024);
      expect(demultiplex(await bytesOf(connection)).stdout === expected).toBe(true);
      await client.request("DELETE", `/containers/${id}`, { query: { force: true } });
    });
  });

  test("of a client that goes leaves nothing behind, however it goes", async () => {
    await withSite(async ({ client, create, listener }) => {
      const id = await create({ args: ["/bin/sh", "-c", "while :; do echo x; sleep 0.01; done"] });
      const silent = await create({ args: ["/bin/sleep", "1000"], interactive: true });
      await client.request("POST", `/containers/${id}/start`);
      await client.request("POST", `/containers/${silent}/start`);
      const gone = async (): Promise<void> => {
        const deadline = Date.now() + 10_000;
        while (listener.connections > 0) {
          if (Date.now() > deadline) throw new Error(`${listener.connections} connections are left`);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      };
      for (const container of [id, silent]) {
        const one = await client.upgrade(`/containers/${container}/attach`, { query: both });
        one.connection.destroy();
        await gone();
        const other = await client.upgrade(`/containers/${container}/attach`, { query: both });
        other.connection.end();
        other.connection.once("data", () => other.connection.destroy());
        await new Promise((resolve) => setTimeout(resolve, 50));
        other.connection.destroy();
        await gone();
        const third = await client.stream("GET", `/containers/${container}/stats`);
        third.destroy();
        const fourth = await client.stream("POST", `/containers/${container}/wait`);
        fourth.destroy();
        await gone();
      }
      for (const container of [id, silent])
        await client.request("DELETE", `/containers/${container}`, { query: { force: true } });
    });
  });
});
