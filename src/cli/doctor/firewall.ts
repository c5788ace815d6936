import { detectBackend } from "../../../net/iptables.ts";
import { messageOf } from "../../core/errors.ts";
import { type Check, type Finding, fail, info, ok } from "./check.ts";

/** iptables, and which of the kernel's packet filters it drives. */
export const firewall: Check = {
  name: "iptables",
  look: ({ env }): Finding => {
    try {
      const { name, version } = detectBackend(env);
      if (name === "legacy")
        return info(
          `${version}, legacy backend: the kernel tells nobody when its rules change; a supervisor looks every 30 s`,
          "update-alternatives --set iptables /usr/sbin/iptables-nft, so that changed rules are mended at once",
        );
      return ok(`${version}, ${name} backend`);
    } catch (error) {
      return fail(
        messageOf(error),
        "apt-get install iptables; MDOCKER_IPTABLES=nft|legacy chooses between two",
      );
    }
  },
};
