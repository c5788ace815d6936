import { type Check, type Finding, info, ok } from "./check.ts";
import { findKernelPart } from "./kernel-option.ts";

function part(name: string, option: string, use: string): Check {
  return {
    name,
    look: (ground): Finding => {
      const presence = findKernelPart(ground, name, option);
      return presence === "absent" || presence === "unknown"
        ? info(`${presence}: ${use}`, `use a kernel with ${option}, where that is wanted`)
        : ok(presence);
    },
  };
}

/** Parts of the kernel that only some commands need. */
export const optionalParts: readonly Check[] = [
  part(
    "sch_netem",
    "CONFIG_NET_SCH_NETEM",
    "network impair has no delay, loss, duplicates, corruption and reordering: --rate, --down and --mtu work",
  ),
  part("sch_tbf", "CONFIG_NET_SCH_TBF", "network impair has no --rate"),
  part("macvlan", "CONFIG_MACVLAN", "no networks of driver macvlan"),
  part("ipvlan", "CONFIG_IPVLAN", "no networks of driver ipvlan"),
  part("vxlan", "CONFIG_VXLAN", "no networks of driver vxlan"),
  part("8021q", "CONFIG_VLAN_8021Q", "no VLAN links: no -o vlan, and no -o parent=eth0.50"),
  part("wireguard", "CONFIG_WIREGUARD", "no WireGuard links"),
];
