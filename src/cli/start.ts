import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import { readSpec } from "../container/store.ts";
import { ConflictError, NotModifiedError, UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { connectSupervisor, type SupervisorClient } from "./client.ts";
import { forEach } from "./each.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { startAttached } from "./start-attached.ts";
import { startOf } from "./start-container.ts";

interface StartFlags {
  readonly attach?: boolean;
  readonly interactive?: boolean;
  readonly sigProxy: boolean;
  readonly detachKeys?: string;
}

async function attachAndStart(
  instance: Instance,
  client: SupervisorClient,
  reference: string,
  flags: StartFlags,
): Promise<number> {
  const { id, name, state } = findContainer(instance, reference);
  if (state === "running" || state === "paused")
    throw new ConflictError(`container ${name} runs already: mdocker attach ${name}`);
  return startAttached(instance, client, id, {
    terminal: readSpec(instance, id).process.terminal === true,
    stdin: flags.interactive === true,
    signals: flags.sigProxy,
    detachKeys: flags.detachKeys,
  });
}

/** Adds `start`. */
export function registerStart(program: Command): void {
  const command = program
    .command("start")
    .summary("start containers that were created or have ended")
    .description(
      "Starts containers that were created, or ran detached and have ended; with -a, ends with the exit code of the one.",
    )
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .option("-a, --attach", "show what it writes, and pass signals on")
    .option("-i, --interactive", "also pass stdin on")
    .option("--no-sig-proxy", "signals are for mdocker: Ctrl-C leaves the container")
    .option("--detach-keys <keys>", "leave the container by these (ctrl-p,ctrl-q)")
    .action(async (references: readonly string[], flags: StartFlags) => {
      requireRoot("start ...");
      const attached = flags.attach === true || flags.interactive === true;
      if (attached && references.length > 1)
        throw new UsageError("start: only one container can be started and attached to at once");
      const instance = instanceOf(command);
      const client = await connectSupervisor(instance);
      if (attached) {
        process.exitCode = await attachAndStart(instance, client, references[0] ?? "", flags);
        return;
      }
      await forEach(references, async (reference) => {
        try {
          await startOf(instance, client, findContainer(instance, reference).id);
        } catch (error) {
          // It runs: that is what was asked for.
          if (!(error instanceof NotModifiedError)) throw error;
        }
      });
    });
}
