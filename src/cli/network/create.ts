import type { Command } from "commander";
import { defineNetwork } from "../../../net/define.ts";
import { driverNames, readDriver } from "../../../net/driver/options.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { append, pairs } from "./words.ts";

interface CreateFlags {
  readonly driver: string;
  readonly subnet?: readonly string[];
  readonly gateway?: readonly string[];
  readonly ipRange?: readonly string[];
  readonly auxAddress?: readonly string[];
  readonly ipv6?: boolean;
  readonly internal?: boolean;
  readonly label?: readonly string[];
  readonly opt?: readonly string[];
}

/** Adds `network create`. */
export function addCreate(network: Command): void {
  network
    .command("create")
    .helpOption("--help", "show help")
    .description("define a network of its own; the first container on it brings it up")
    .argument("<name>")
    .option("-d, --driver <driver>", driverNames.join(", "), "bridge")
    .option(
      "--subnet <subnet>",
      "such as 10.200.2.0/24; one more for IPv6; a free one is found otherwise",
      append,
    )
    .option("--gateway <address>", "the bridge's own address: the subnet's first, unless given", append)
    .option("--ip-range <block>", "hand out addresses of this part of the subnet only", append)
    .option("--aux-address <name=address>", "never hand out this address: somebody else has it", append)
    .option("--ipv6", "IPv6 too: a unique local /64 unless --subnet names one")
    .option("--internal", "no way in or out")
    .option("--label <key=value>", "for people and filters", append)
    .option(
      "-o, --opt <key=value>",
      "mtu; of a bridge also icc, masquerade, bridge, host_binding_ipv4, vlan, parent; see docs/networks.md",
      append,
    )
    .action(async (name: string, flags: CreateFlags, command: Command) => {
      requireRoot("network create");
      const { id } = await defineNetwork(instanceOf(command), {
        name,
        driver: readDriver(flags.driver),
        subnets: flags.subnet ?? [],
        gateways: flags.gateway ?? [],
        ipRanges: flags.ipRange ?? [],
        auxiliary: pairs(flags.auxAddress, "--aux-address"),
        ipv6: flags.ipv6 === true,
        internal: flags.internal === true,
        labels: pairs(flags.label, "--label"),
        options: pairs(flags.opt, "--opt"),
      });
      print(`${id}\n`);
    });
}
