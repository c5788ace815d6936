import { closeSync, openSync } from "node:fs";
import type { Readable } from "node:stream";
import { SetupError } from "../core/errors.ts";
import { builtFile } from "../core/home.ts";
import { join } from "../core/join.ts";
import { makeDirectories } from "../core/make-directories.ts";
import type { Instance } from "../core/paths.ts";

/** The descriptor on which a supervisor says that it can be talked to. */
const readyFd = 3;

async function firstLine(stream: Readable): Promise<string | undefined> {
  let text = "";
  for await (const part of stream) {
    text += String(part);
    if (text.includes("\n")) break;
  }
  return text === "" ? undefined : text.split("\n")[0];
}

/**
 * Starts the supervisor of `instance`, which lives on by itself, and waits until it can be talked to; where several are
 * started at once, one stays, and all have waited for it.
 * @throws SetupError with what it said when it could not start
 */
export async function startSupervisor(instance: Instance): Promise<void> {
  const { spawn } = await import("node:child_process");
  makeDirectories(instance.state);
  const logPath = join(instance.state, "supervisor.log");
  const log = openSync(logPath, "a", 0o600);
  const where = ["--root", instance.root, "--state", instance.state, "--prefix", instance.prefix];
  const args = [builtFile("mdocker.cjs"), ...where, "supervisor", "--ready-fd", String(readyFd)];
  const { NODE_OPTIONS: _options, NODE_EXTRA_CA_CERTS: _certificates, ...env } = process.env;
  try {
    const child = spawn(process.execPath, args, {
      cwd: "/",
      detached: true,
      env,
      stdio: ["ignore", log, log, "pipe"],
    });
    const failed = new Promise<never>((_resolve, reject) => child.once("error", reject));
    const ready = child.stdio[readyFd] as Readable;
    const line = await Promise.race([firstLine(ready), failed]);
    ready.destroy();
    child.unref();
    if (line !== "ready") throw new SetupError(`the supervisor did not start: ${line ?? `see ${logPath}`}`);
  } finally {
    closeSync(log);
  }
}
