import { bytes, nested, text, u8, u16, u16be, u32 } from "./attribute.ts";
import { ipBytes } from "./ip.ts";
import { type LinkSettings, newLink } from "./link.ts";
import type { NetlinkRequest } from "./message.ts";

/* Links that stand on others. Attributes of include/uapi/linux/if_link.h. */

const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_VLAN_ID = 1;
export const IFLA_MACVLAN_MODE = 1;
export const IFLA_IPVLAN_MODE = 1;
const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_GROUP = 2;
const IFLA_VXLAN_LINK = 3;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PORT = 15;
const IFLA_VXLAN_GROUP6 = 16;
const IFLA_VXLAN_LOCAL6 = 17;

/** MACVLAN_MODE_*. */
export const macvlanModes: Readonly<Record<string, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };
/** IPVLAN_MODE_*. */
export const ipvlanModes: Readonly<Record<string, number>> = { l2: 0, l3: 1, l3s: 2 };

function made(
  kind: string,
  name: string,
  settings: LinkSettings,
  data: readonly Uint8Array[],
): NetlinkRequest {
  const info = nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, kind), nested(IFLA_INFO_DATA, ...data));
  return newLink(name, settings, info);
}

function numberOf(modes: Readonly<Record<string, number>>, mode: string): number {
  const number = modes[mode];
  if (number === undefined) throw new Error(`no such mode: ${mode}`);
  return number;
}

/** Makes a link whose frames carry the tag of a VLAN on another link. EEXIST when there is one of that id or name. */
export function newVlan(name: string, parent: number, vlan: number): NetlinkRequest {
  return made("vlan", name, { link: parent }, [u16(IFLA_VLAN_ID, vlan)]);
}

/** A link on another one, born in the network namespace `netns` (an open file). */
export interface SharedLink {
  /** Index of the other link. */
  readonly parent: number;
  readonly mode: string;
  readonly mac?: string | undefined;
  readonly mtu: number;
  readonly netns: number | undefined;
}

/** Makes a link with a MAC of its own on another link. EBUSY when that is taken otherwise. */
export function newMacvlan(name: string, shared: SharedLink): NetlinkRequest {
  const { parent: link, mode, mac, mtu, netns } = shared;
  return made("macvlan", name, { link, mac, mtu, netns }, [
    u32(IFLA_MACVLAN_MODE, numberOf(macvlanModes, mode)),
  ]);
}

/** Makes a link with the MAC of another link. EBUSY when that is taken otherwise; EINVAL for a second mode on it. */
export function newIpvlan(name: string, shared: SharedLink): NetlinkRequest {
  const { parent: link, mode, mtu, netns } = shared;
  return made("ipvlan", name, { link, mtu, netns }, [u16(IFLA_IPVLAN_MODE, numberOf(ipvlanModes, mode))]);
}

/** A tunnel end (RFC 7348). */
export interface Vxlan {
  readonly vni: number;
  /** The first of the other hosts. */
  readonly remote: string;
  readonly local: string | undefined;
  /** Index of the link that packets leave by; absent: by the route. */
  readonly dev: number | undefined;
  readonly port: number;
  readonly mtu: number | undefined;
}

/** Makes a tunnel end, of its remote's family; newFlood adds more hosts. EEXIST when there is one of that number and port. */
export function newVxlan(name: string, vxlan: Vxlan): NetlinkRequest {
  const { vni, remote, local, dev, port, mtu } = vxlan;
  const v6 = remote.includes(":");
  return made("vxlan", name, { mtu }, [
    u32(IFLA_VXLAN_ID, vni),
    u16be(IFLA_VXLAN_PORT, port),
    // Who has sent a frame from a MAC is who gets those to it.
    u8(IFLA_VXLAN_LEARNING, 1),
    ...(dev === undefined ? [] : [u32(IFLA_VXLAN_LINK, dev)]),
    bytes(v6 ? IFLA_VXLAN_GROUP6 : IFLA_VXLAN_GROUP, ipBytes(remote)),
    ...(local === undefined ? [] : [bytes(v6 ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL, ipBytes(local))]),
  ]);
}
