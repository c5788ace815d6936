import { chooseRoutes, type Routes, waysOut } from "../../net/way-out.ts";
import { UsageError } from "../core/errors.ts";
import type { Connection } from "./step.ts";

/**
 * Which default routes of a container lead by which of its interfaces.
 * @throws UsageError when one was asked to lead by a network that leads nowhere.
 */
export function routesOf(connections: readonly Pick<Connection, "network" | "attachment">[]): Routes[] {
  for (const { network, attachment } of connections) {
    const { v4, v6 } = waysOut(network);
    if ((attachment.gatewayPriority ?? 0) > 0 && !v4 && !v6) {
      const why = network.internal ? "it is internal" : "it has no gateway";
      throw new UsageError(`--network ${network.name}: gw: the network leads nowhere: ${why}`);
    }
  }
  return chooseRoutes(
    connections.map(({ network, attachment }) => ({ network, priority: attachment.gatewayPriority })),
  );
}
