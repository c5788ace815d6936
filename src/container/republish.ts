import { currentPublication, publish, unpublish } from "../../net/ports/publish.ts";
import type { Instance } from "../core/paths.ts";
import { findNetwork } from "./find-network.ts";
import { canPublish, publicationOf } from "./publishing.ts";
import type { ContainerRecord } from "./record.ts";

/**
 * Leads the ports of a container that runs to where they belong after its networks have changed: the network of its
 * default route, else the first that has a way in; with none they stay its own and lead nowhere.
 * @throws SetupError
 */
export async function republish(instance: Instance, record: ContainerRecord): Promise<void> {
  const { id, ports = [], monitor, endpoints } = record;
  if (ports.length === 0 || monitor === undefined) return;
  const byRoute = [...endpoints].sort(
    (one, other) => Number(other.gateway !== undefined) - Number(one.gateway !== undefined),
  );
  const current = currentPublication(instance, id);
  for (const endpoint of byRoute) {
    const network = await findNetwork(instance, endpoint.network);
    if (!canPublish({ network })) continue;
    const same = current?.network === network.name && current.address === endpoint.address;
    if (!same)
      publish(instance, { network, publication: publicationOf(id, endpoint, ports), owner: monitor });
    return;
  }
  unpublish(instance, id, true);
}
