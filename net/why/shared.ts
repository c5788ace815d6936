import { addressesOf, isOwn, linkOf } from "./facts.ts";
import type { Station } from "./station.ts";
import type { Crossing, LinkDetailAt, Scene } from "./way.ts";

/** Why two that the kernel knows of do not meet, though one link of the host carries both. */
export interface Apart {
  /** `host`: one of them is the host, at the parent link itself. `mode`: the modes of their links forbid it. */
  readonly why: "host" | "mode";
  /** Whoever sends, and whoever has the address. */
  readonly ends: readonly [LinkDetailAt, LinkDetailAt];
  readonly parent: string;
}

/** True for a link that stands on one of the host, and is a container's: several share the parent. */
export function isShared({ kind }: { readonly kind?: string | undefined }): boolean {
  return kind === "macvlan" || kind === "ipvlan";
}

/** Links on the same parent, in whichever namespace. */
function linksOn(scene: Scene, parent: number | undefined, except: Station): LinkDetailAt[] {
  return scene.stations
    .filter((station) => station !== except)
    .flatMap((station) =>
      station.facts.links
        .filter((link) => isShared(link) && link.peer === parent && parent !== undefined)
        .map((link) => ({ station, link })),
    );
}

function ownerAmong(links: readonly LinkDetailAt[], address: string): LinkDetailAt | undefined {
  const exact = links.find(({ station, link }) =>
    addressesOf(station.facts, link).some((one) => one.address === address),
  );
  // A namespace answers for all its addresses, on whichever of its links they are (arp_ignore 0).
  return exact ?? links.find(({ station }) => isOwn(station.facts, address));
}

/**
 * What lies between a macvlan or ipvlan link, or the link that such ones stand on, and whoever has the next hop's address:
 * those on one parent meet there in mode bridge and with ipvlan, and never the host at the parent itself
 * (drivers/net/macvlan.c, Documentation/networking/ipvlan.rst). Undefined: it is not among them.
 */
export function crossParent(scene: Scene, from: LinkDetailAt, nextHop: string): Crossing | undefined {
  const { host } = scene;
  const { station, link: out } = from;
  const sender = { ...from, role: "sender" as const };
  if (!isShared(out)) {
    const theirs = station === host ? ownerAmong(linksOn(scene, out.index, host), nextHop) : undefined;
    if (theirs === undefined) return undefined;
    return { devices: [sender], apart: { why: "host", ends: [from, theirs], parent: out.name } };
  }
  const parent = linkOf(host.facts, out.peer);
  const sibling = ownerAmong(
    linksOn(scene, out.peer, station).filter(({ link }) => link.kind === out.kind),
    nextHop,
  );
  if (sibling !== undefined) {
    const modes = [out.mode, sibling.link.mode];
    if (modes.includes("private"))
      return { devices: [sender], apart: { why: "mode", ends: [from, sibling], parent: parent?.name ?? "" } };
    // By the switch outside, if that sends it back.
    if (modes.includes("vepa")) return { devices: [sender], beyond: true };
    return { devices: [sender, { ...sibling, role: "receiver" }], receiver: sibling };
  }
  if (station === host || parent === undefined) return undefined;
  if (!addressesOf(host.facts, parent).some(({ address }) => address === nextHop)) return undefined;
  const end = { station: host, link: parent };
  return { devices: [sender], apart: { why: "host", ends: [from, end], parent: parent.name } };
}
