import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import { listTop } from "../container/top.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderTable } from "./table.ts";

/** Adds `top`. */
export function registerTop(program: Command): void {
  const command = program
    .command("top")
    .summary("show the processes of a container")
    .description(
      "Shows the processes of a container as ps(1) of this host does; what follows are options for ps.",
    )
    .helpOption("--help", "show help")
    .usage("CONTAINER [PS-OPTION...]")
    .argument("<container>", "name, id or beginning of an id")
    .argument("[option...]", "for ps; -ef without any")
    .passThroughOptions()
    .action(async (reference: string, options: readonly string[]) => {
      requireRoot("top ...");
      const { Titles, Processes } = await listTop(findContainer(instanceOf(command), reference), options);
      print(renderTable(Titles, Processes));
    });
}
