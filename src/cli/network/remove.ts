import type { Command } from "commander";
import { deleteNetwork, pruneNetworks } from "../../container/networks.ts";
import { forEach } from "../each.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";

/** Adds `network rm` and `network prune`. */
export function addRemove(network: Command): void {
  network
    .command("rm")
    .alias("remove")
    .helpOption("--help", "show help")
    .description("remove networks that no container runs on")
    .argument("<network...>", "names, ids or beginnings of ids")
    .action(async (references: readonly string[], _: unknown, command: Command) => {
      requireRoot("network rm");
      await forEach(references, async (reference) => {
        await deleteNetwork(instanceOf(command), reference);
      });
    });
  network
    .command("prune")
    .helpOption("--help", "show help")
    .description("remove the networks that no container is connected to")
    .option("-f, --force", "do not ask: mdocker never does here")
    .action(async (_: unknown, command: Command) => {
      requireRoot("network prune");
      const removed = await pruneNetworks(instanceOf(command));
      if (removed.length > 0) print(`Deleted Networks:\n${removed.map((name) => `${name}\n`).join("")}`);
    });
}
