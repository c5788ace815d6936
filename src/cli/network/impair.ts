import type { Command } from "commander";
import { findContainerOrNetwork } from "../../container/container-or-network.ts";
import { findCable } from "../../container/impair/cables.ts";
import { type ImpairmentTarget, impair, readImpairments } from "../../container/impair/impair.ts";
import { containersOn } from "../../container/networks.ts";
import { UsageError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { connectSupervisor } from "../client.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { addImpairFlags, type ImpairFlags, wishOf } from "./impair-flags.ts";
import { documentOf, renderStates } from "./impair-view.ts";

/** The interfaces that are meant. To show without naming one means all of a container. */
async function targetsOf(
  instance: Instance,
  reference: string,
  flags: ImpairFlags,
  showing: boolean,
): Promise<ImpairmentTarget[]> {
  const found = await findContainerOrNetwork(instance, reference);
  if (found.kind === "container") {
    const { record } = found;
    const one = findCable(instance, record, { ifname: flags.if, network: flags.network });
    if (!showing || flags.if !== undefined || flags.network !== undefined) return [{ record, cable: one }];
    return record.endpoints.map(({ ifname }) => ({ record, cable: findCable(instance, record, { ifname }) }));
  }
  const { name } = found.network;
  if (flags.if !== undefined || flags.network !== undefined)
    throw new UsageError(`--if and --network choose among a container's interfaces: ${name} is a network`);
  const containers = containersOn(instance, name, true);
  if (containers.length === 0) throw new UsageError(`network ${name}: no container runs on it`);
  return containers.map((record) => ({ record, cable: findCable(instance, record, { network: name }) }));
}

async function act(instance: Instance, reference: string, flags: ImpairFlags): Promise<void> {
  const wish = wishOf(flags);
  const targets = await targetsOf(instance, reference, flags, wish === undefined);
  if (wish === undefined) {
    const states = targets.map((target) => ({
      container: target.record.name,
      state: readImpairments(instance, target),
    }));
    print(flags.json === true ? `${JSON.stringify(documentOf(states), null, 2)}\n` : renderStates(states));
    return;
  }
  // Who puts it back is there before anything is done.
  const supervisor = wish.forMs === undefined ? undefined : await connectSupervisor(instance);
  impair(instance, targets, wish);
  await supervisor?.request("POST", "/mdocker/impairments");
}

/** Adds `network impair`. */
export function addImpair(network: Command): void {
  const command = network
    .command("impair")
    .helpOption("--help", "show help")
    .summary("make a container's link slow, lossy, small or broken")
    .description(
      "Impairs the link of a container, or of all that run on a network. Each call sets what it names and keeps the " +
        "rest; 0 takes one thing away, --reset all. Without anything to do it shows what is done. It lasts until the " +
        "container ends.",
    )
    .argument("<container|network>");
  addImpairFlags(command).action(async (reference: string, flags: ImpairFlags) => {
    requireRoot("network impair");
    await act(instanceOf(command), reference, flags);
  });
}
