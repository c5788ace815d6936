import type { Command } from "commander";
import type { ContainerRecord } from "../container/record.ts";
import { findContainer } from "../container/refresh.ts";
import { type UpdateRequest, updateContainer } from "../container/update.ts";
import type { Instance } from "../core/paths.ts";
import type { SupervisorClient } from "./client.ts";
import { forEach } from "./each.ts";
import { keepersOf } from "./keeper.ts";
import { type Declaration, declareOptions, readFlags } from "./option-row.ts";
import { readUpdate, updateOptions } from "./options/updating.ts";
import { say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { hostView } from "./this-host.ts";

/** By the supervisor that keeps the container, or by ourselves; returns what there is to say about it. */
async function update(
  instance: Instance,
  record: ContainerRecord,
  keeper: SupervisorClient | undefined,
  request: UpdateRequest,
): Promise<readonly string[]> {
  if (keeper === undefined) return updateContainer(instance, record, request);
  const { json } = await keeper.request("POST", `/mdocker/update/${record.id}`, { body: request });
  return (json as { readonly Warnings: readonly string[] }).Warnings;
}

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
        for (const warning of await update(instance, record, keeper, request))
          say(`warning: container ${record.name}: ${warning}`);
      });
    });
  declareOptions(command, updateOptions, declaration);
}
