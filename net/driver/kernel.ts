import { hasErrno, SetupError, UsageError } from "../../src/core/errors.ts";
import { findLink } from "../link.ts";
import { type NetlinkClient, withNetlink } from "../netlink/client.ts";
import { probeKind } from "../netlink/link.ts";
import type { NetworkDriver } from "../network.ts";
import type { Settings } from "./options.ts";
import { vlanOf } from "./vlan.ts";

const options: Readonly<Record<string, string>> = {
  macvlan: "CONFIG_MACVLAN",
  ipvlan: "CONFIG_IPVLAN",
  vxlan: "CONFIG_VXLAN",
  vlan: "CONFIG_VLAN_8021Q",
};

/** Whether the kernel makes links of a kind; asks for one that lacks what it needs, so that none is made. */
function hasKind(client: NetlinkClient, kind: string): boolean {
  try {
    client.change(probeKind(kind));
  } catch (error) {
    return !hasErrno(error, "EOPNOTSUPP", "ENOTSUP");
  }
  return true;
}

/**
 * Refuses a network that could never come up on this host: its kind of links is missing from the kernel, or the link that
 * it stands on from the host.
 * @throws SetupError, UsageError
 */
export function requireDriver(driver: NetworkDriver, { parent, vxlan }: Settings): void {
  const needed: string[] = driver === "bridge" || driver === "link" ? [] : [driver];
  withNetlink((client) => {
    const below = parent ?? vxlan?.dev;
    if (below !== undefined && (driver === "bridge" || findLink(client, below) === undefined)) {
      const vlan = vlanOf(below);
      if (vlan !== undefined && vxlan === undefined) needed.push("vlan");
      const base = vxlan === undefined ? (vlan?.parent ?? below) : below;
      if (findLink(client, base) === undefined) {
        const option = vxlan === undefined ? "parent" : "dev";
        throw new UsageError(
          `network option ${option}: ${below}: this host has no link ${base}: see ip link`,
        );
      }
    }
    const missing = needed.find((kind) => !hasKind(client, kind));
    if (missing !== undefined)
      throw new SetupError(
        `--driver ${driver}: this kernel has no ${missing} links: boot one with ${options[missing]}`,
      );
  });
}
