import type { Instance } from "../src/core/paths.ts";
import { insideNetns } from "../src/sys/namespaces.ts";
import { disconnectCable } from "./driver/cable.ts";
import type { Endpoint } from "./endpoint.ts";
import { routeSteps } from "./endpoint-steps.ts";
import { removeSoon } from "./link-removal.ts";
import { withNetlink } from "./netlink/client.ts";
import { getLink, parseLink } from "./netlink/link.ts";
import type { Network } from "./network.ts";
import { performSteps } from "./perform.ts";
import { networkFile } from "./state.ts";

/**
 * Removes the endpoint of a container that goes on running, in the network namespace `netns` (an open file). Resolves when
 * the container has it no more.
 */
export async function disconnectRunning(
  { hostName, alias, ifname }: Pick<Endpoint, "hostName" | "alias" | "ifname">,
  network: Network,
  instance: Instance,
  netns: number,
): Promise<void> {
  if (hostName !== "") await removeSoon(hostName, alias);
  else if (network.driver === "link")
    disconnectCable({ ifname, alias, network }, networkFile(instance, network.name, "cable"), netns);
  // Its sockets are opened before it first waits.
  else await insideNetns(netns, () => removeSoon(ifname, alias));
}

/** Makes the default routes of the network namespace `netns` (an open file) lead by another interface. */
export function moveDefaultRoutes(
  endpoint: Pick<Endpoint, "ifname" | "gateway" | "gateway6" | "direct">,
  netns: number,
): void {
  const steps = routeSteps({ ...endpoint, replace: true });
  if (steps.length === 0) return;
  insideNetns(netns, () =>
    withNetlink((client) => {
      const { index } = parseLink(client.get(getLink(endpoint.ifname)));
      performSteps(client, steps, { indexes: new Map([[endpoint.ifname, index]]) }, undefined);
    }),
  );
}
