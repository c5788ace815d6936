import { type Check, type Finding, fail, info, ok } from "./check.ts";

/** Routing between bridge and outside; a start switches it on where it is off. */
export const forwarding: Check = {
  name: "ip_forward",
  look: (ground): Finding => {
    const value = ground.readText("/proc/sys/net/ipv4/ip_forward")?.trim();
    if (value === undefined) return fail("the kernel has no IPv4", "boot a kernel with CONFIG_INET");
    return value === "1" ? ok("on") : info("off: the first container on a bridge switches it on");
  },
};
