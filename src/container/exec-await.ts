import type { Instance } from "../core/paths.ts";
import { layout } from "../program/layout.ts";
import { decodeMessage, exitCodeOf, type Message } from "../program/message.ts";
import { duplicate } from "../sys/stdio.ts";
import { finishExec, type StartedExec } from "./exec.ts";
import { execState } from "./exec-records.ts";

/** The last message of the monitor, by events: a server with many execs has no thread for each. Undefined when it was killed. */
async function lastMessage({ launched }: StartedExec): Promise<Message | undefined> {
  const { Socket } = await import("node:net");
  const socket = new Socket({ fd: duplicate(launched.control.fd), readable: true, writable: false });
  const parts: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on("data", (part: Buffer) => {
      parts.push(part);
      const bytes = Buffer.concat(parts);
      if (bytes.length < layout.messageSize) return;
      resolve(decodeMessage(bytes));
      socket.destroy();
    });
    // Its other end goes with the monitor, at once or as an error.
    socket.on("error", () => resolve(undefined));
    socket.on("close", () => resolve(undefined));
  });
}

/**
 * Resolves with the exit code, as a shell would show it, when a kept exec has ended: its monitor is reaped then, and its
 * record stays until removeExec. 137 when nobody can tell any more.
 */
export async function awaitExec(instance: Instance, started: StartedExec): Promise<number> {
  const message = await lastMessage(started);
  finishExec(instance, started, true);
  if (message?.kind === "exited") return exitCodeOf(message.status);
  return execState(instance, started.record).exitCode ?? 137;
}
