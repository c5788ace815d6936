import type { Driver } from "./driver.ts";
import { mtuOfParent, planParent } from "./parent.ts";

/** All containers have the MAC of the host's link: for LANs that allow a port one MAC only. */
export const ipvlan: Driver = {
  plan: planParent,
  birth: ({ ifname, bridge, mode = "l2", mtu }) => [
    {
      kind: "new-ipvlan",
      name: ifname,
      parent: bridge,
      mode,
      mtu,
      reason: "the host's link with addresses of the container's, born inside it",
    },
  ],
  defaultMtu: mtuOfParent,
};
