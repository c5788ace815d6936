import type { Command } from "commander";
import { defineNetwork } from "../../net/define.ts";
import { connectContainer, disconnectContainer } from "../container/connect.ts";
import { describeNetworkDocument, type NetworkDocument } from "../container/network-document.ts";
import { deleteNetwork, findListedNetwork, listNetworks, pruneNetworks } from "../container/networks.ts";
import { findContainer } from "../container/refresh.ts";
import { UsageError } from "../core/errors.ts";
import { forEach } from "./each.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderRows } from "./rows.ts";
import { renderTemplate } from "./template.ts";

function append(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** `KEY=VALUE` words as a record. @throws UsageError for one without a key. */
function pairs(words: readonly string[] | undefined, flag: string): Record<string, string> {
  return Object.fromEntries(
    (words ?? []).map((word) => {
      const [key = "", value = ""] = word.split(/=(.*)/s);
      if (key === "") throw new UsageError(`${flag}: ${word}: expected KEY=VALUE`);
      return [key, value];
    }),
  );
}

interface CreateFlags {
  readonly driver: string;
  readonly subnet?: string;
  readonly gateway?: string;
  readonly internal?: boolean;
  readonly label?: readonly string[];
  readonly opt?: readonly string[];
}

function addCreate(network: Command): void {
  network
    .command("create")
    .helpOption("--help", "show help")
    .description("define a network of its own subnet and bridge; the first container on it brings it up")
    .argument("<name>")
    .option("-d, --driver <driver>", "bridge", "bridge")
    .option("--subnet <subnet>", "such as 10.200.2.0/24; a free one is found otherwise")
    .option("--gateway <address>", "the bridge's own address: the subnet's first, unless given")
    .option("--internal", "no way in or out")
    .option("--label <key=value>", "for people and filters", append)
    .option(
      "-o, --opt <key=value>",
      "mtu, icc, masquerade, bridge (the link's name), or docker's names",
      append,
    )
    .action(async (name: string, flags: CreateFlags, command: Command) => {
      requireRoot("network create");
      if (flags.driver !== "bridge") throw new UsageError(`--driver: ${flags.driver}: expected bridge`);
      const { id } = await defineNetwork(instanceOf(command), {
        name,
        subnet: flags.subnet,
        gateway: flags.gateway,
        internal: flags.internal === true,
        labels: pairs(flags.label, "--label"),
        options: pairs(flags.opt, "--opt"),
      });
      print(`${id}\n`);
    });
}

interface ListFlags {
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly format?: string;
}

function addList(network: Command): void {
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
              Internal: "INTERNAL",
              Labels: "LABELS",
            },
          }),
        );
    });
}

function addInspect(network: Command): void {
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

function addRemove(network: Command): void {
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

interface ConnectFlags {
  readonly ip?: string;
  readonly alias?: readonly string[];
}

function addConnect(network: Command): void {
  network
    .command("connect")
    .helpOption("--help", "show help")
    .description("connect a container to one more network, at once when it runs")
    .argument("<network>")
    .argument("<container>")
    .option("--ip <address>", "fixed IPv4 address")
    .option("--alias <name>", "one more name on the network", append)
    .action(async (reference: string, container: string, flags: ConnectFlags, command: Command) => {
      requireRoot("network connect");
      const instance = instanceOf(command);
      await connectContainer(instance, findContainer(instance, container), reference, {
        address: flags.ip,
        aliases: flags.alias,
      });
    });
  network
    .command("disconnect")
    .helpOption("--help", "show help")
    .description("take a container from a network")
    .argument("<network>")
    .argument("<container>")
    .action(async (reference: string, container: string, _: unknown, command: Command) => {
      requireRoot("network disconnect");
      const instance = instanceOf(command);
      await disconnectContainer(instance, findContainer(instance, container), reference);
    });
}

/** Adds `network`: networks of one's own, and who is on them. */
export function registerNetwork(program: Command): void {
  const network = program
    .command("network")
    .helpOption("--help", "show help")
    .description("create, list, inspect and remove networks; connect containers to them");
  addCreate(network);
  addList(network);
  addInspect(network);
  addRemove(network);
  addConnect(network);
}
