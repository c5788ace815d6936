import type { Command } from "commander";
import { awaitExit } from "../container/await-exit.ts";
import { findContainer } from "../container/refresh.ts";
import type { Instance } from "../core/paths.ts";
import { forAll } from "./each.ts";
import { beginWait } from "./exit-code.ts";
import { type Keepers, keepersOf } from "./keeper.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

/** The exit code of a container, as soon as it has one; 0 for one that was never started, as with docker. */
async function exitCode(instance: Instance, keepers: Keepers, reference: string): Promise<number> {
  const record = findContainer(instance, reference);
  const { state, exit } = record;
  if (state === "created" || state === "exited" || state === "dead") return exit?.code ?? 0;
  const keeper = await keepers(record);
  // Nobody is there to start it again.
  if (keeper === undefined && state === "restarting") return exit?.code ?? 0;
  if (keeper === undefined) return (await awaitExit(instance, record)).code;
  return (await beginWait(keeper, record.id, "not-running"))();
}

/** Adds `wait`. */
export function registerWait(program: Command): void {
  const command = program
    .command("wait")
    .summary("wait until containers have ended")
    .description("Waits until each container has ended, and prints its exit code.")
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .action(async (references: readonly string[]) => {
      requireRoot("wait ...");
      const instance = instanceOf(command);
      const keepers = keepersOf(instance);
      await forAll(references, async (reference) => String(await exitCode(instance, keepers, reference)));
    });
}
