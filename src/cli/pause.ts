import type { Command } from "commander";
import { pauseContainer, unpauseContainer } from "../container/pause.ts";
import { findContainer } from "../container/refresh.ts";
import { forEach } from "./each.ts";
import { keepersOf } from "./keeper.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

/** Adds `pause`. */
export function registerPause(program: Command): void {
  const command = program
    .command("pause")
    .summary("stop containers where they are")
    .description("Stops every process of each container where it is, until mdocker unpause.")
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .action(async (references: readonly string[]) => {
      requireRoot("pause ...");
      const instance = instanceOf(command);
      const keepers = keepersOf(instance);
      await forEach(references, async (reference) => {
        const record = findContainer(instance, reference);
        const keeper = await keepers(record);
        if (keeper === undefined) pauseContainer(instance, record);
        else await keeper.request("POST", `/containers/${record.id}/pause`);
      });
    });
}

/** Adds `unpause`. */
export function registerUnpause(program: Command): void {
  const command = program
    .command("unpause")
    .summary("let paused containers run on")
    .description("Lets every process of each paused container run on.")
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .action(async (references: readonly string[]) => {
      requireRoot("unpause ...");
      const instance = instanceOf(command);
      const keepers = keepersOf(instance);
      await forEach(references, async (reference) => {
        const record = findContainer(instance, reference);
        const keeper = await keepers(record);
        if (keeper === undefined) unpauseContainer(instance, record);
        else await keeper.request("POST", `/containers/${record.id}/unpause`);
      });
    });
}
