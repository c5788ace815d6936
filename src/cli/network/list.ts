import type { Command } from "commander";
import { listNetworks } from "../../container/networks.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { renderRows } from "../rows.ts";

interface ListFlags {
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly format?: string;
}

/** Adds `network ls`. */
export function addList(network: Command): void {
  network
    .command("ls")
    .alias("list")
    .helpOption("--help", "show help")
    .description("list networks")
    .option("-q, --quiet", "only the ids")
    .option("--no-trunc", "whole ids")
    .option("--format <template>", "table, json, or a template such as '{{.Name}} {{.Subnet}}'")
    .action(async (flags: ListFlags, command: Command) => {
      requireRoot("network ls");
      const rows = (await listNetworks(instanceOf(command))).map(({ id, name, driver, definition }) => ({
        ID: flags.trunc ? id.slice(0, 12) : id,
        Name: name,
        Driver: driver,
        Scope: "local",
        Subnet: definition?.network.subnet ?? "",
        Subnet6: definition?.network.subnet6 ?? "",
        IPv6: String(definition?.network.subnet6 !== undefined),
        Internal: String(definition?.network.internal ?? false),
        Labels: Object.entries(definition?.labels ?? {})
          .map(([key, value]) => `${key}=${value}`)
          .join(","),
      }));
      if (flags.quiet) print(rows.map(({ ID }) => `${ID}\n`).join(""));
      else
        print(
          renderRows(rows, flags.format, {
            columns: ["ID", "Name", "Driver", "Scope", "Subnet"],
            headings: {
              ID: "NETWORK ID",
              Name: "NAME",
              Driver: "DRIVER",
              Scope: "SCOPE",
              Subnet: "SUBNET",
              Subnet6: "IPV6 SUBNET",
              IPv6: "IPV6",
              Internal: "INTERNAL",
              Labels: "LABELS",
            },
          }),
        );
    });
}
