import type { Command } from "commander";
import { impairmentsOf } from "../../container/impair/document.ts";
import { describeNetworkDocument, type NetworkDocument } from "../../container/network-document.ts";
import { containersOn, findListedNetwork, type ListedNetwork } from "../../container/networks.ts";
import type { Instance } from "../../core/paths.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { renderTemplate } from "../template.ts";

/** The document, and what is done to the links of the containers that are not as they should be. */
function withImpairments(instance: Instance, network: ListedNetwork): NetworkDocument {
  const document = describeNetworkDocument(instance, network);
  const records = new Map(containersOn(instance, network.name, true).map((record) => [record.id, record]));
  const containers = Object.entries(document.Containers).map(([id, description]) => {
    const record = records.get(id);
    const ifname = record?.endpoints.find((one) => one.network === network.name)?.ifname;
    const impairment =
      record === undefined || ifname === undefined ? undefined : impairmentsOf(instance, record)[ifname];
    return [id, impairment === undefined ? description : { ...description, Impairment: impairment }] as const;
  });
  return { ...document, Containers: Object.fromEntries(containers) };
}

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
        found.push(withImpairments(instance, await findListedNetwork(instance, reference)));
      const { format } = flags;
      if (format === undefined) print(`${JSON.stringify(found, null, 2)}\n`);
      else if (format === "json") print(`${JSON.stringify(found)}\n`);
      else print(found.map((one) => `${renderTemplate(format, one)}\n`).join(""));
    });
}
