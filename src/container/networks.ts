import { listDefinitions, type NetworkDefinition, removeDefinition } from "../../net/definition.ts";
import { defaultNetwork, type NetworkDriver } from "../../net/network.ts";
import { removeNetwork } from "../../net/tear-down.ts";
import { ConflictError, UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { findDefinition } from "./find-network.ts";
import type { ContainerRecord } from "./record.ts";
import { isLive, listContainers } from "./refresh.ts";

/** A network as it is shown: one that is defined, or one of the three that are always there. */
export interface ListedNetwork {
  readonly id: string;
  readonly name: string;
  readonly driver: NetworkDriver | "host" | "null";
  readonly definition: NetworkDefinition | undefined;
}

/** The ids of the networks that are always there say their names: nothing keeps them. */
function builtIn(
  name: string,
  driver: ListedNetwork["driver"],
  definition?: NetworkDefinition,
): ListedNetwork {
  return { id: Buffer.from(name).toString("hex").padEnd(64, "0"), name, driver, definition };
}

function listed(definition: NetworkDefinition): ListedNetwork {
  const { name, driver = "bridge" } = definition.network;
  return { id: definition.id, name, driver, definition };
}

/** All networks: bridge, host and none, and those that were created. */
export async function listNetworks(instance: Instance): Promise<ListedNetwork[]> {
  const network = await defaultNetwork(instance);
  const created = new Date(0).toISOString();
  const bridge = builtIn("bridge", "bridge");
  return [
    { ...bridge, definition: { id: bridge.id, created, labels: {}, options: {}, network } },
    builtIn("host", "host"),
    builtIn("none", "null"),
    ...listDefinitions(instance).map(listed),
  ];
}

/**
 * One network by name, id, or an unambiguous beginning of its id.
 * @throws NotFoundError, UsageError
 */
export async function findListedNetwork(instance: Instance, reference: string): Promise<ListedNetwork> {
  const name = reference === "default" ? "bridge" : reference;
  const found = (await listNetworks(instance)).find((one) => one.name === name || one.id === name);
  if (found !== undefined) return found;
  const definition = await findDefinition(instance, reference);
  return listed(definition);
}

/** The containers that are connected to a network; with `running` only those that run. */
export function containersOn(instance: Instance, name: string, running: boolean): ContainerRecord[] {
  return listContainers(instance).filter((record) => {
    if (running && !isLive(record)) return false;
    const { network } = record;
    return network.kind === "bridge"
      ? network.attachments.some((one) => one.network === name)
      : network.kind === name;
  });
}

/**
 * Removes a network that was created, from the kernel too.
 * @throws UsageError for one that is always there; ConflictError while containers run on it.
 */
export async function deleteNetwork(instance: Instance, reference: string): Promise<NetworkDefinition> {
  if (["bridge", "default", "host", "none"].includes(reference))
    throw new UsageError(`network ${reference} is always there: it cannot be removed`);
  const definition = await findDefinition(instance, reference);
  const { network } = definition;
  const users = containersOn(instance, network.name, true).map(({ name }) => name);
  if (users.length > 0 || !(await removeNetwork(instance, network))) {
    const who = users.length > 0 ? `: ${users.join(", ")}` : "";
    throw new ConflictError(
      `network ${network.name} has active endpoints${who}: stop or disconnect them first`,
    );
  }
  removeDefinition(instance, network.name);
  return definition;
}

/** Removes the networks that no container, running or not, is connected to. Returns their names. */
export async function pruneNetworks(
  instance: Instance,
  chosen: (definition: NetworkDefinition) => boolean = () => true,
): Promise<string[]> {
  const removed: string[] = [];
  for (const definition of listDefinitions(instance).filter(chosen)) {
    const { name } = definition.network;
    if (containersOn(instance, name, false).length > 0) continue;
    await deleteNetwork(instance, name);
    removed.push(name);
  }
  return removed;
}
