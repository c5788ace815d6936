import { existsSync, readdirSync } from "node:fs";
import { readTextIfAny } from "../src/core/atomic.ts";
import { SetupError } from "../src/core/errors.ts";
import type { Instance } from "../src/core/paths.ts";
import { withLock } from "../src/sys/flock.ts";
import { bootId } from "../src/sys/process.ts";
import { applyChains } from "./firewall.ts";
import { collectLeases } from "./ipam.ts";
import { openIptables } from "./iptables.ts";
import { removeLink } from "./link.ts";
import { type NetlinkClient, withNetlink } from "./netlink/client.ts";
import { dumpLinks, type Link, parseLink } from "./netlink/link.ts";
import {
  ensureNetworkFolder,
  networkFile,
  networksFolder,
  networksLock,
  portsFile,
  readMarkers,
  removeFile,
} from "./state.ts";

function ofEarlierBoot(path: string): boolean {
  const text = readTextIfAny(path);
  return text !== undefined && (JSON.parse(text) as { readonly bootId?: string }).bootId !== bootId();
}

function folders(instance: Instance): string[] {
  const folder = networksFolder(instance);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** Removes what files say of an earlier boot, and the leases of the dead. Returns a line for each thing. */
function collectFiles(instance: Instance): string[] {
  const lines: string[] = [];
  for (const name of folders(instance)) {
    const marker = networkFile(instance, name, "network.json");
    if (ofEarlierBoot(marker)) {
      removeFile(marker);
      lines.push(`removed what was known of network ${name} before the host booted`);
    }
    const dead = collectLeases(instance, name);
    if (dead > 0) lines.push(`removed ${dead} lease${dead === 1 ? "" : "s"} of the dead on network ${name}`);
  }
  const shared = [portsFile(instance), `${networksFolder(instance)}/sysctls.json`];
  for (const path of shared.filter(ofEarlierBoot)) {
    removeFile(path);
    lines.push(`removed ${path} of an earlier boot`);
  }
  return lines;
}

/** Bridges and uplinks of networks that no file knows of any more, and that no link is a port of. */
function unknownLinks(client: NetlinkClient, instance: Instance): Link[] {
  const known = new Set(readMarkers(instance).map(({ network }) => network.name));
  const links = client.dump(dumpLinks()).map(parseLink);
  const strays = links.filter(({ alias }) => {
    const [, owner, , name = ""] = /^([^:]+):(network|uplink):(.+)$/.exec(alias ?? "") ?? [];
    return owner === instance.prefix && !known.has(name);
  });
  const indexes = new Set(strays.map(({ index }) => index));
  return strays.filter(
    ({ index }) => !links.some((port) => port.master === index && !indexes.has(port.index)),
  );
}

/** Without any network nothing is to be left of the rules, whatever has become of the files that knew of them. */
function collectRules(instance: Instance): string[] {
  const state = { owner: instance.prefix, networks: [], publications: [] };
  return ([4, 6] as const).flatMap((family) => {
    try {
      return applyChains(openIptables(family), state) ? [`removed IPv${family} rules of no network`] : [];
    } catch (error) {
      // Where rules cannot be listed, for want of the program or of IPv6 in the kernel, none have been made.
      if (error instanceof SetupError) return [];
      throw error;
    }
  });
}

/**
 * Removes what networks have left that nobody knows of: with `networks` also from the kernel, what the files that told of it
 * have not outlived. Returns a line for each thing.
 */
export function collectRemains(instance: Instance, networks: boolean): string[] {
  if (!networks && !existsSync(networksFolder(instance))) return [];
  ensureNetworkFolder(instance, "");
  return withLock(networksLock(instance), () => {
    const lines = collectFiles(instance);
    if (!networks) return lines;
    withNetlink((client) => {
      for (const { name, index } of unknownLinks(client, instance)) {
        removeLink(client, index);
        lines.push(`removed link ${name} of a network that nobody knows of`);
      }
    });
    return readMarkers(instance).length > 0 ? lines : [...lines, ...collectRules(instance)];
  });
}
