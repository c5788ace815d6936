import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import { removeContainer } from "../container/remove.ts";
import { forEach } from "./each.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

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
      await forEach(references, (reference) =>
        removeContainer(instance, findContainer(instance, reference), { force, volumes }),
      );
    });
}
