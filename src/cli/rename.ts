import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import { renameContainer } from "../container/rename.ts";
import { keepersOf } from "./keeper.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

/** Adds `rename`. */
export function registerRename(program: Command): void {
  const command = program
    .command("rename")
    .summary("give a container another name")
    .description("Gives a container another name, whether it runs or not.")
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .argument("<name>", "the new name")
    .action(async (reference: string, name: string) => {
      requireRoot("rename ...");
      const instance = instanceOf(command);
      const record = findContainer(instance, reference);
      const keeper = await keepersOf(instance)(record);
      if (keeper === undefined) await renameContainer(instance, record, name);
      else await keeper.request("POST", `/containers/${record.id}/rename`, { query: { name } });
    });
}
