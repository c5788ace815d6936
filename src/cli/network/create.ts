import type { Command } from "commander";
import { defineNetwork } from "../../../net/define.ts";
import { UsageError } from "../../core/errors.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { append, pairs } from "./words.ts";

interface CreateFlags {
  readonly driver: string;
  readonly subnet?: string;
  readonly gateway?: string;
  readonly internal?: boolean;
  readonly label?: readonly string[];
  readonly opt?: readonly string[];
}

/** Adds `network create`. */
export function addCreate(network: Command): void {
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
      "mtu, icc, masquerade, bridge (the link's name), host_binding_ipv4, or docker's names",
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
