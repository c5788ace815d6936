import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import { readSpec } from "../container/store.ts";
import { ConflictError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { AttachSession, runsOn } from "./attach-session.ts";
import { connectSupervisor } from "./client.ts";
import { beginWait } from "./exit-code.ts";
import { say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

interface AttachFlags {
  readonly stdin: boolean;
  readonly sigProxy: boolean;
  readonly detachKeys?: string;
}

async function attach(instance: Instance, reference: string, flags: AttachFlags): Promise<number> {
  const { id, name, state, init, foreground } = findContainer(instance, reference);
  if (foreground)
    throw new ConflictError(
      `container ${name} runs in the foreground of another command: it has its streams`,
    );
  if (state === "paused")
    throw new ConflictError(`container ${name} is paused: mdocker unpause ${name} first`);
  if (state !== "running")
    throw new ConflictError(`container ${name} is not running: mdocker start ${name} first`);
  const client = await connectSupervisor(instance);
  const session = await AttachSession.open(client, id, {
    terminal: readSpec(instance, id).process.terminal === true,
    stdin: flags.stdin,
    signals: flags.sigProxy,
    detachKeys: flags.detachKeys,
  });
  const exitCode = await beginWait(client, id, "not-running");
  await session.relay({ redraw: true });
  if (!runsOn(instance, id, init?.pid)) return exitCode();
  say("detached: the container runs on");
  return 0;
}

/** Adds `attach`. */
export function registerAttach(program: Command): void {
  const command = program
    .command("attach")
    .summary("connect to the streams of a running container")
    .description(
      "Connects stdin, stdout and stderr to those of a container that runs detached. Ends with its exit code, or when its " +
        "terminal is left by the detach keys.",
    )
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .option("--no-stdin", "show only what it writes")
    .option("--sig-proxy", "pass signals on to the container (the default)", true)
    .option("--no-sig-proxy", "signals are for mdocker: Ctrl-C leaves the container")
    .option("--detach-keys <keys>", "leave the container by these (ctrl-p,ctrl-q)")
    .action(async (reference: string, flags: AttachFlags) => {
      requireRoot("attach ...");
      process.exitCode = await attach(instanceOf(command), reference, flags);
    });
}
