import type { Command } from "commander";
import { type ConnectionWish, connectContainer, disconnectContainer } from "../../container/connect.ts";
import { findContainer } from "../../container/refresh.ts";
import type { Given } from "../flags.ts";
import { field } from "../number.ts";
import {
  readAlias,
  readDriverOption,
  readIfname,
  readIp,
  readIp6,
  readLinkLocal,
  readMac,
  readPriority,
} from "../options/attachment.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { append } from "./words.ts";

interface ConnectFlags {
  readonly ip?: string;
  readonly ip6?: string;
  readonly ifname?: string;
  readonly macAddress?: string;
  readonly gwPriority?: string;
  readonly linkLocalIp?: readonly string[];
  readonly alias?: readonly string[];
  readonly driverOpt?: string;
}

/** The flags as a connection. @throws UsageError */
function wishOf(flags: ConnectFlags): ConnectionWish {
  const one = <T>(value: string | undefined, from: string, read: (given: Given) => T): T | undefined =>
    value === undefined ? undefined : read({ value, from });
  const ifname = one(flags.ifname, "--ifname", readIfname);
  return {
    ...field("address", one(flags.ip, "--ip", readIp)),
    ...field("address6", one(flags.ip6, "--ip6", readIp6)),
    ...field("mac", one(flags.macAddress, "--mac-address", readMac)),
    ...field("gatewayPriority", one(flags.gwPriority, "--gw-priority", readPriority)),
    ...field("ifname", ifname ?? one(flags.driverOpt, "--driver-opt", readDriverOption)),
    ...field(
      "aliases",
      flags.alias?.map((value) => readAlias({ value, from: "--alias" })),
    ),
    ...field(
      "linkLocal",
      flags.linkLocalIp?.map((value) => readLinkLocal({ value, from: "--link-local-ip" })),
    ),
  };
}

/** Adds `network connect` and `network disconnect`. */
export function addConnect(network: Command): void {
  network
    .command("connect")
    .helpOption("--help", "show help")
    .description("connect a container to one more network, at once when it runs")
    .argument("<network>")
    .argument("<container>")
    .option("--ip <address>", "fixed IPv4 address")
    .option("--ip6 <address>", "fixed IPv6 address")
    .option("--ifname <name>", "what the interface is called inside; the next ethN otherwise")
    .option("--mac-address <mac>", "fixed MAC address")
    .option("--gw-priority <number>", "the default route is that of the highest; 0 otherwise")
    .option("--link-local-ip <address>", "one more address, of 169.254.0.0/16 or fe80::/10", append)
    .option("--alias <name>", "one more name on the network", append)
    .option("--driver-opt <key=value>", "com.docker.network.endpoint.ifname=NAME: as --ifname")
    .action(async (reference: string, container: string, flags: ConnectFlags, command: Command) => {
      requireRoot("network connect");
      const instance = instanceOf(command);
      await connectContainer(instance, findContainer(instance, container), reference, wishOf(flags));
    });
  network
    .command("disconnect")
    .helpOption("--help", "show help")
    .description("take a container from a network")
    .argument("<network>")
    .argument("<container>")
    .option("-f, --force", "also one that does not run: mdocker always does")
    .action(async (reference: string, container: string, _: unknown, command: Command) => {
      requireRoot("network disconnect");
      const instance = instanceOf(command);
      await disconnectContainer(instance, findContainer(instance, container), reference);
    });
}
