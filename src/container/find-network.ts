import { defaultNetwork, type Network } from "../../net/network.ts";
import { UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";

/**
 * The network that `name` stands for.
 * @throws UsageError when there is none.
 */
export async function findNetwork(instance: Instance, name: string): Promise<Network> {
  if (name === "bridge" || name === "default") return await defaultNetwork(instance);
  throw new UsageError(`--network: no network ${name}: expected bridge, host, none or container:NAME`);
}
