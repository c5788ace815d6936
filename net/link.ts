import { hasErrno } from "../src/core/errors.ts";
import type { NetlinkClient } from "./netlink/client.ts";
import { deleteLink, dumpLinks, getLink, type Link, type LinkReference, parseLink } from "./netlink/link.ts";
import { macOf } from "./netlink/mac.ts";
import { bridgeAlias, type Network } from "./network.ts";

/** The link of that name in the client's network namespace, or undefined. */
export function findLink(client: NetlinkClient, name: string): Link | undefined {
  try {
    return parseLink(client.get(getLink(name)));
  } catch (error) {
    if (hasErrno(error, "ENODEV")) return undefined;
    throw error;
  }
}

/** True for the network's bridge: by its alias, or by its MAC if we were killed before it got one. */
export function isBridgeOf(network: Network, link: Link): boolean {
  if (link.alias !== undefined) return link.alias === bridgeAlias(network);
  return link.kind === "bridge" && link.mac === macOf(network.gateway);
}

/** Deletes a link; one that is gone is fine: namespaces are dismantled while we look. */
export function removeLink(client: NetlinkClient, link: LinkReference): void {
  try {
    client.change(deleteLink(link));
  } catch (error) {
    if (!hasErrno(error, "ENODEV")) throw error;
  }
}

/** Deletes the link of that alias, if there is one. Looks through all links. */
export function removeByAlias(client: NetlinkClient, alias: string): void {
  const link = client
    .dump(dumpLinks())
    .map(parseLink)
    .find((one) => one.alias === alias);
  if (link !== undefined) removeLink(client, link.index);
}
