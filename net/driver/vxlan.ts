import { shortPrefix } from "../../src/core/paths.ts";
import { defaultRouteMtu } from "../collision.ts";
import { findLink } from "../link.ts";
import { type Network, uplinkAlias, type VxlanSettings } from "../network.ts";
import type { NetlinkStep } from "../step.ts";
import { bridgeBirth, planBridge } from "./bridge.ts";
import type { Driver, Uplink } from "./driver.ts";

/** Outer Ethernet, IP, UDP and VXLAN headers (RFC 7348, 5): 14+20+8+8, and 20 more for IPv6. */
const overhead = { v4: 50, v6: 70 };

function settingsOf({ name, vxlan }: Network): VxlanSettings {
  if (vxlan === undefined) throw new Error(`network ${name} of driver vxlan says nothing of its tunnel`);
  return vxlan;
}

/** Name of the tunnel's link: `mdx42`. Begins as those of veths do, so that two instances never meet. */
function tunnelName({ owner, vxlan }: Network): string {
  return `${shortPrefix(owner)}x${vxlan?.vni}`;
}

function uplinkOf(network: Network, mtu: number | undefined): Uplink {
  const { vni, remotes, local, dev, port } = settingsOf(network);
  const name = tunnelName(network);
  const [remote = ""] = remotes;
  const find: NetlinkStep[] =
    dev === undefined ? [] : [{ kind: "find", link: dev, reason: "the link that leads to the other hosts" }];
  return {
    name,
    alias: uplinkAlias(network),
    foreign: "refuse",
    make: [
      ...find,
      {
        kind: "new-vxlan",
        name,
        ...{ vni, remote, local, dev, port, mtu },
        reason: `frames of the segment travel in UDP packets to port ${port} of the other hosts`,
      },
    ],
    follow: [
      {
        kind: "enslave",
        link: name,
        bridge: network.bridge,
        reason: "the bridges of all hosts are one segment",
      },
      ...find,
      // The first one came with the link, and may have gone from it since.
      ...remotes.map((remote, at): NetlinkStep => {
        return {
          kind: "flood",
          link: name,
          remote,
          dev: at === 0 ? dev : undefined,
          reason: "frames to all, and to whom nobody knows yet, go there too",
        };
      }),
      { kind: "up", link: name, reason: "frames pass" },
    ],
  };
}

/** A bridge whose segment reaches those of other hosts through VXLAN tunnels. */
export const vxlan: Driver = {
  plan: (network, mtu) => planBridge(network, mtu, uplinkOf(network, mtu)),
  birth: bridgeBirth,
  defaultMtu: (client, network) => {
    const { dev, remotes } = settingsOf(network);
    const below = (dev === undefined ? undefined : findLink(client, dev)?.mtu) ?? defaultRouteMtu(client);
    return below - (remotes[0]?.includes(":") ? overhead.v6 : overhead.v4);
  },
};
