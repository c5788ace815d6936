import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import { forEach } from "./each.ts";
import { keepersOf } from "./keeper.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { removeBy } from "./remove-by.ts";

interface RmFlags {
  readonly force?: boolean;
  readonly volumes?: boolean;
}

/** Adds `rm`. */
export function registerRm(program: Command): void {
  const command = program
    .command("rm")
    .summary("remove containers that have ended")
    .description(
      "Removes containers with their record and writable layer. One that runs is refused, unless forced.",
    )
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .option("-f, --force", "kill those that run")
    .option("-v, --volumes", "also their volumes that have no name")
    .action(async (references: readonly string[], { force = false, volumes = false }: RmFlags) => {
      requireRoot("rm ...");
      const instance = instanceOf(command);
      const keepers = keepersOf(instance);
      await forEach(references, (reference) =>
        removeBy(instance, keepers, findContainer(instance, reference), { force, volumes }),
      );
    });
}
