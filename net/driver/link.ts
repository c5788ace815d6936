import { defaultRouteMtu } from "../collision.ts";
import type { Driver } from "./driver.ts";

/** A cable between two containers and nothing else: the host has no part in it but that an end without one waits there. */
export const link: Driver = {
  plan: () => ({ hostWide: [], bridge: [], address: [], own: [] }),
  birth: ({ ifname, bridge, mac, mtu, alias }) => [
    {
      kind: "new-veth",
      name: bridge,
      mtu,
      peer: { name: ifname, mac },
      reason: "a cable; its far end waits with the host, down, until the second container comes",
    },
    { kind: "alias", link: bridge, alias, reason: "the waiting end can be recognised" },
  ],
  defaultMtu: (client) => defaultRouteMtu(client),
};
