import type { Network, NetworkDriver } from "../network.ts";
import { bridge } from "./bridge.ts";
import type { Driver } from "./driver.ts";
import { ipvlan } from "./ipvlan.ts";
import { link } from "./link.ts";
import { macvlan } from "./macvlan.ts";
import { vxlan } from "./vxlan.ts";

const drivers: Readonly<Record<NetworkDriver, Driver>> = { bridge, macvlan, ipvlan, link, vxlan };

/** How networks of that kind are made. */
export function driverOf({ driver = "bridge" }: Pick<Network, "driver">): Driver {
  return drivers[driver];
}
