import type { NetworkDefinition } from "../../net/definition.ts";
import { defaultNetwork, type Network } from "../../net/network.ts";
import { NotFoundError, UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";

/**
 * The definition that `reference` stands for: a name, an id, or an unambiguous beginning of an id.
 * @throws NotFoundError when there is none; UsageError when there is more than one.
 */
export async function findDefinition(instance: Instance, reference: string): Promise<NetworkDefinition> {
  const { listDefinitions, readDefinition } = await import("../../net/definition.ts");
  const named = readDefinition(instance, reference);
  if (named !== undefined) return named;
  const matches = /^[0-9a-f]{1,64}$/.test(reference)
    ? listDefinitions(instance).filter(({ id }) => id.startsWith(reference))
    : [];
  const [only, second] = matches;
  if (second !== undefined)
    throw new UsageError(`network ${reference}: ${matches.length} ids begin so: give more digits`);
  if (only === undefined)
    throw new NotFoundError(
      `network ${reference} not found: see mdocker network ls, or make it with mdocker network create`,
    );
  return only;
}

/**
 * The network that `name` stands for.
 * @throws NotFoundError when there is none.
 */
export async function findNetwork(instance: Instance, name: string): Promise<Network> {
  if (name === "bridge" || name === "default") return await defaultNetwork(instance);
  return (await findDefinition(instance, name)).network;
}
