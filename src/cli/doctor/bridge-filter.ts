import { type Check, type Finding, info, ok } from "./check.ts";

/** Whether packets between the ports of one bridge pass iptables: rules between containers of a network need it. */
export const bridgeFilter: Check = {
  name: "br_netfilter",
  look: (ground): Finding => {
    const value = ground.readText("/proc/sys/net/bridge/bridge-nf-call-iptables")?.trim();
    if (value === "1") return ok("packets inside a bridge pass iptables");
    return value === undefined
      ? info(
          "not loaded: packets inside a bridge do not pass iptables",
          "modprobe br_netfilter, where that is wanted",
        )
      : info(
          "packets inside a bridge do not pass iptables",
          "sysctl net.bridge.bridge-nf-call-iptables=1, where that is wanted",
        );
  },
};
