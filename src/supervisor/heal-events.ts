import type { Healed } from "../container/healed.ts";
import { listNetworks } from "../container/networks.ts";
import type { Instance } from "../core/paths.ts";
import type { EventBus } from "./events.ts";

/**
 * Tells of what was mended, an event of the network for each thing: `heal` for what the supervisor found by itself, `reload`
 * for what somebody asked for. Rules and settings that all networks share are of the network `*`.
 */
export async function tellHealed(
  instance: Instance,
  events: EventBus,
  action: "heal" | "reload",
  healed: readonly Healed[],
): Promise<void> {
  const known = new Map((await listNetworks(instance)).map((one) => [one.name, one]));
  for (const { network, container, faults } of healed) {
    const found = known.get(network ?? "");
    const attributes = {
      name: network ?? "*",
      type: found?.driver ?? "bridge",
      ...(container === null ? {} : { container }),
      mended: faults.join("; "),
    };
    events.emit({ type: "network", action, actor: { id: found?.id ?? "", attributes } });
  }
}
