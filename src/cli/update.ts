import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import { updateContainer } from "../container/update.ts";
import { forEach } from "./each.ts";
import { keepersOf } from "./keeper.ts";
import { type Declaration, declareOptions, readFlags } from "./option-row.ts";
import { readUpdate, updateOptions } from "./options/updating.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { hostView } from "./this-host.ts";

/** Adds `update`. */
export function registerUpdate(program: Command, declaration?: Declaration): void {
  const command = program
    .command("update")
    .summary("change the limits of containers")
    .description(
      "Changes limits of containers: of those that run at once, and of all when they are started again. What is not named " +
        "stays; when the kernel refuses one, all stay.",
    )
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .action(async (references: readonly string[]) => {
      requireRoot("update ...");
      const request = readUpdate(readFlags(command), await hostView());
      const instance = instanceOf(command);
      const keepers = keepersOf(instance);
      await forEach(references, async (reference) => {
        const record = findContainer(instance, reference);
        const keeper = await keepers(record);
        if (keeper === undefined) await updateContainer(instance, record, request);
        else await keeper.request("POST", `/mdocker/update/${record.id}`, { body: request });
      });
    });
  declareOptions(command, updateOptions, declaration);
}
