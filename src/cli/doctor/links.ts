import { type Check, type Finding, fail, ok, warn } from "./check.ts";
import { findKernelPart } from "./kernel-option.ts";

const kinds = { bridge: "CONFIG_BRIDGE", veth: "CONFIG_VETH" };

/** The kinds of links that the default network is made of. */
export const links: Check = {
  name: "links",
  look: (ground): Finding => {
    const found = Object.entries(kinds).map(([kind, option]) => ({
      kind,
      option,
      presence: findKernelPart(ground, kind, option),
    }));
    const text = found.map(({ kind, presence }) => `${kind} ${presence}`).join(", ");
    const absent = found.filter(({ presence }) => presence === "absent");
    if (absent.length > 0) {
      return fail(
        text,
        `boot a kernel with ${absent.map(({ option }) => option).join(", ")}, or use --net none or host`,
      );
    }
    return found.some(({ presence }) => presence === "unknown")
      ? warn(text, "try: ip link add type veth; this kernel does not say what it has")
      : ok(text);
  },
};
