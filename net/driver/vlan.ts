import { findLink } from "../link.ts";
import type { NetlinkClient } from "../netlink/client.ts";
import type { NetlinkStep } from "../step.ts";

/** `eth0.50` as the link and the VLAN that it would be made of; undefined for a name of another form. */
export function vlanOf(name: string): { parent: string; vlan: number } | undefined {
  const [, parent = "", digits = ""] = /^(.+)\.(\d{1,4})$/.exec(name) ?? [];
  const vlan = Number(digits);
  return vlan >= 1 && vlan <= 4094 ? { parent, vlan } : undefined;
}

/** Makes `eth0.50`: what leaves by it carries the tag of VLAN 50 on eth0 (IEEE 802.1Q). */
export function vlanSteps(name: string): NetlinkStep[] {
  const found = vlanOf(name);
  if (found === undefined) return [];
  const { parent, vlan } = found;
  return [
    { kind: "find", link: parent, reason: "the link that carries the VLAN" },
    { kind: "new-vlan", name, parent, vlan, reason: `frames of VLAN ${vlan} on ${parent}` },
  ];
}

/** MTU of a parent: its own, or that of the link that its VLAN will be on; undefined when neither is there. */
export function parentMtu(client: NetlinkClient, name: string): number | undefined {
  const link = findLink(client, name);
  if (link !== undefined) return link.mtu;
  const base = vlanOf(name)?.parent;
  return base === undefined ? undefined : findLink(client, base)?.mtu;
}
