import { spawn } from "node:child_process";
import { request as httpRequest } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { supervisorSocket } from "../../src/core/paths.ts";
import type { BenchContext } from "./bench.ts";

/** An HTTP request over a unix socket; answers with the parsed body. @throws for any status of 400 and more */
export function ask(socketPath: string, method: string, path: string, body?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const request = httpRequest({ socketPath, method, path, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const text = Buffer.concat(parts).toString();
        if ((response.statusCode ?? 500) >= 400) reject(new Error(`${method} ${path}: ${text}`));
        else resolve(text === "" ? undefined : JSON.parse(text));
      });
    });
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A supervisor of its own for a bench. */
export interface RunningSupervisor {
  readonly socket: string;
  readonly pid: number;
  readonly close: () => Promise<void>;
}

/** Starts `mdocker supervisor` and waits until it answers. */
export async function startSupervisor({ instance, program, env }: BenchContext): Promise<RunningSupervisor> {
  const child = spawn(program, ["supervisor"], { env, stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const socket = supervisorSocket(instance);
  for (let round = 0; ; round += 1) {
    try {
      await ask(socket, "GET", "/version");
      break;
    } catch (error) {
      if (round >= 200) throw error;
      await pause(50);
    }
  }
  return {
    socket,
    pid: Number(child.pid),
    close: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Makes a container that sleeps; answers with its id. */
export async function createSleeper(socket: string, image: string): Promise<string> {
  const body = { Image: image, Cmd: ["/bin/sleep", "1000"], HostConfig: {} };
  const { Id } = (await ask(socket, "POST", "/v1.41/containers/create", body)) as { readonly Id: string };
  return Id;
}
