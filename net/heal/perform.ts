import { closeSync, openSync } from "node:fs";
import { hasErrno, messageOf, SetupError } from "../../src/core/errors.ts";
import { insideNetns } from "../../src/sys/namespaces.ts";
import { isAlive } from "../../src/sys/process.ts";
import { connectEndpoint, disconnectEndpoint } from "../endpoint.ts";
import { findLink, removeLink } from "../link.ts";
import { type NetlinkClient, withNetlink } from "../netlink/client.ts";
import { performSteps } from "../perform.ts";
import type { NetlinkStep } from "../step.ts";
import { applySysctl } from "../sysctl.ts";
import { ensureUplink } from "../uplink.ts";
import type { Healing, Mend, WantedEndpoint } from "./mend.ts";

/** The links that a step calls by name. */
function linksOf(step: NetlinkStep): string[] {
  const names = ["link" in step ? step.link : undefined, "bridge" in step ? step.bridge : undefined];
  return names.filter((name) => name !== undefined);
}

/** Performs steps one by one. What somebody else has done meanwhile, and a link that has gone, are fine: one looks again. */
function performEach(client: NetlinkClient, steps: readonly NetlinkStep[]): void {
  for (const step of steps) {
    const indexes = new Map<string, number>();
    if (step.kind !== "new-bridge") {
      for (const name of linksOf(step)) {
        const link = findLink(client, name);
        if (link !== undefined) indexes.set(name, link.index);
      }
      if (linksOf(step).some((name) => name !== "lo" && !indexes.has(name))) continue;
    }
    try {
      performSteps(client, [step], { indexes }, undefined);
    } catch (error) {
      if (!hasErrno(error, "EEXIST", "ENODEV")) throw error;
    }
  }
}

/**
 * Runs `act` with the network namespace of a container open; not when it has ended. While it is open its links do not
 * go with it. False when nothing was done.
 */
export function withHolder(
  { holder }: Pick<WantedEndpoint, "holder">,
  act: (netns: number) => unknown,
): boolean {
  let netns: number;
  try {
    netns = openSync(`/proc/${holder.pid}/ns/net`, "r");
  } catch (error) {
    // It is just ending: it has let go of its namespaces.
    if (hasErrno(error, "ENOENT", "ESRCH")) return false;
    throw error;
  }
  try {
    // Open before it is looked at: a pid that was given to another process meanwhile shows now.
    return isAlive(holder) && act(netns) !== false;
  } finally {
    closeSync(netns);
  }
}

/** Makes a container's link again, both ends; false when it is there, or wanted no more. */
function remake(client: NetlinkClient, wanted: WantedEndpoint): boolean {
  const { endpoint, stays, remade, container } = wanted;
  return withHolder(wanted, (netns) => {
    if (findLink(client, endpoint.hostName) !== undefined || !stays()) return false;
    try {
      // Whoever moved the default routes elsewhere meanwhile has taken care of them himself.
      connectEndpoint({ ...endpoint, bridgeIndex: undefined, replace: true }, netns);
    } catch (error) {
      if (!hasErrno(error, "EEXIST")) throw error;
      throw new SetupError(
        `container ${container} has an interface ${endpoint.ifname} whose other end is not on this host`,
        { cause: error },
      );
    }
    // Who disconnects it notes that first and removes the link then: one of us sees the other.
    if (!stays()) {
      disconnectEndpoint(endpoint);
      return false;
    }
    remade();
    return true;
  });
}

/** False when there was nothing to mend any more: what was faulty is just ending. */
function performMend(client: NetlinkClient, { act }: Mend): boolean {
  switch (act.kind) {
    case "steps":
      performEach(client, act.steps);
      return true;
    case "inside":
      return withHolder(act.endpoint, (netns) =>
        insideNetns(netns, () => withNetlink((inside) => performEach(inside, act.steps))),
      );
    case "sysctl":
      applySysctl(act.sysctl, undefined);
      return true;
    case "endpoint":
      return remake(client, act.endpoint);
    case "uplink":
      ensureUplink(client, act.network, act.uplink, undefined, findLink(client, act.network.bridge)?.index);
      return true;
    case "stray": {
      const link = findLink(client, act.name);
      if (link?.alias !== act.alias) return false;
      removeLink(client, link.index);
      return true;
    }
    case "rules":
      act.iptables.restore(act.changes);
      return true;
    case "none":
      throw new SetupError(`mend it by hand: ${act.advice}`);
    default:
      return act satisfies never;
  }
}

/** Puts things right, one after the other, and never stops early. */
export function performMends(client: NetlinkClient, mends: readonly Mend[]): Healing {
  const mended: Mend[] = [];
  const failed: { mend: Mend; why: string }[] = [];
  for (const mend of mends) {
    try {
      if (performMend(client, mend)) mended.push(mend);
    } catch (error) {
      failed.push({ mend, why: messageOf(error) });
    }
  }
  return { mended, failed };
}
