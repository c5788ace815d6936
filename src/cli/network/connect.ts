import type { Command } from "commander";
import { connectContainer, disconnectContainer } from "../../container/connect.ts";
import { findContainer } from "../../container/refresh.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { append } from "./words.ts";

interface ConnectFlags {
  readonly ip?: string;
  readonly alias?: readonly string[];
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
