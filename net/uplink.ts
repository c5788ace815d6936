import { hasErrno, SetupError } from "../src/core/errors.ts";
import type { Observer } from "../src/core/explain.ts";
import type { Uplink } from "./driver/driver.ts";
import { findLink, removeLink } from "./link.ts";
import type { NetlinkClient } from "./netlink/client.ts";
import { parseLink } from "./netlink/link.ts";
import type { Network } from "./network.ts";
import { performSteps } from "./perform.ts";
import { planNetwork, uplinkSteps } from "./plan.ts";
import type { NetlinkStep } from "./step.ts";

/** Performs steps one by one; what they look up is known to those after them. */
function performKnowing(
  client: NetlinkClient,
  steps: readonly NetlinkStep[],
  indexes: Map<string, number>,
  observer: Observer | undefined,
): void {
  for (const step of steps) {
    const [found] = performSteps(client, [step], { indexes }, observer);
    if (step.kind === "find" && found !== undefined) indexes.set(step.link, parseLink(found).index);
  }
}

/**
 * Makes what a network has on the host beside its bridge, or sets it up again. Returns its index.
 * @param bridgeIndex Of the bridge, if there is one.
 * @throws SetupError when its name is taken by another link, or what it stands on is missing.
 */
export function ensureUplink(
  client: NetlinkClient,
  network: Network,
  uplink: Uplink,
  observer?: Observer,
  bridgeIndex?: number,
): number {
  const { name, alias, foreign, make, follow } = uplink;
  const before = findLink(client, name);
  if (before !== undefined && before.alias !== alias && foreign === "refuse")
    throw new SetupError(
      `network ${network.name}: a link ${name} exists that is not of this network: remove it, or choose another`,
    );
  if (before === undefined && make.length === 0)
    throw new SetupError(`network ${network.name}: its parent ${name} is not there: see ip link`);
  const indexes = new Map<string, number>();
  if (bridgeIndex !== undefined) indexes.set(network.bridge, bridgeIndex);
  if (before !== undefined) indexes.set(name, before.index);
  try {
    performKnowing(client, before === undefined ? uplinkSteps(uplink) : follow, indexes, observer);
  } catch (error) {
    if (before === undefined && findLink(client, name)?.alias === alias) removeLink(client, name);
    if (hasErrno(error, "ENODEV"))
      throw new SetupError(`network ${network.name}: a link that it needs is not there: ${String(error)}`, {
        cause: error,
      });
    throw error;
  }
  return indexes.get(name) ?? 0;
}

/** Removes what was made beside the bridge; a link of others is left alone. */
export function removeUplink(client: NetlinkClient, network: Network, observer?: Observer): void {
  const { uplink } = planNetwork(network, undefined);
  if (uplink === undefined) return;
  const link = findLink(client, uplink.name);
  if (link?.alias !== uplink.alias) return;
  removeLink(client, link.index);
  const text = `RTM_DELLINK ${uplink.name}`;
  observer?.({ kind: "netlink", text, reason: "no container is connected to its network", by: "parent" });
}
