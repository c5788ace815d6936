import type { Command } from "commander";
import { lookUp } from "../../../net/dns/look-up.ts";
import { findListedNetwork } from "../../container/networks.ts";
import { NotFoundError } from "../../core/errors.ts";
import { isAddress } from "../address.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";

interface ResolveFlags {
  readonly network?: string;
}

/** Adds `network resolve`. */
export function addResolve(network: Command): void {
  network
    .command("resolve")
    .helpOption("--help", "show help")
    .summary("the addresses of a name on the networks, or the name of an address")
    .description(
      "Prints the addresses of the running containers that have this name, alias, host name or short id, alone or followed " +
        "by the network's name (web.red), one a line. Of an address it prints the name. No server is asked.",
    )
    .argument("<name|address>")
    .option("--network <network>", "on this network only")
    .action(async (text: string, flags: ResolveFlags, command: Command) => {
      requireRoot("network resolve");
      const instance = instanceOf(command);
      const only =
        flags.network === undefined ? undefined : (await findListedNetwork(instance, flags.network)).name;
      const found = lookUp(instance, text, only);
      if (found.length === 0) {
        const where = only === undefined ? "any network" : `network ${only}`;
        throw new NotFoundError(
          `resolve ${text}: no container that runs has this ${isAddress(text) ? "address" : "name"} on ${where}`,
        );
      }
      print(found.map(({ address, name }) => `${isAddress(text) ? name : address}\n`).join(""));
    });
}
