import type { Driver } from "./driver.ts";
import { mtuOfParent, planParent } from "./parent.ts";

/** Each container has a MAC of its own on the host's link: it is a machine of the LAN outside. */
export const macvlan: Driver = {
  plan: planParent,
  birth: ({ ifname, bridge, mode = "bridge", mac, mtu }) => [
    {
      kind: "new-macvlan",
      name: ifname,
      parent: bridge,
      mode,
      // With passthru the one container has the parent's own.
      mac: mode === "passthru" ? undefined : mac,
      mtu,
      reason: "one more MAC on the host's link, born inside the container",
    },
  ],
  defaultMtu: mtuOfParent,
};
