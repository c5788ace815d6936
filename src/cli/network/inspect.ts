import type { Command } from "commander";
import { describeNetworkDocument, type NetworkDocument } from "../../container/network-document.ts";
import { findListedNetwork } from "../../container/networks.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { renderTemplate } from "../template.ts";

/** Adds `network inspect`. */
export function addInspect(network: Command): void {
  network
    .command("inspect")
    .helpOption("--help", "show help")
    .description("show all that is known of networks, and who is on them")
    .argument("<network...>", "names, ids or beginnings of ids")
    .option("-f, --format <template>", "json, or a template such as '{{.Name}}'")
    .action(async (references: readonly string[], flags: { readonly format?: string }, command: Command) => {
      requireRoot("network inspect");
      const instance = instanceOf(command);
      const found: NetworkDocument[] = [];
      for (const reference of references)
        found.push(describeNetworkDocument(instance, await findListedNetwork(instance, reference)));
      const { format } = flags;
      if (format === undefined) print(`${JSON.stringify(found, null, 2)}\n`);
      else if (format === "json") print(`${JSON.stringify(found)}\n`);
      else print(found.map((one) => `${renderTemplate(format, one)}\n`).join(""));
    });
}
