import { hasSelinux } from "../../security/options.ts";
import { readContainerContexts } from "../../security/selinux.ts";
import { type Check, type Finding, info, ok } from "./check.ts";

/** Which access control module of the kernel can confine containers besides capabilities and seccomp. */
export const labels: Check = {
  name: "labels",
  look: ({ exists, readText }): Finding => {
    if (hasSelinux()) {
      const mode = readText("/sys/fs/selinux/enforce")?.trim() === "1" ? "enforcing" : "permissive";
      const contexts = readContainerContexts(readText);
      return contexts === undefined
        ? info(
            `SELinux, ${mode}, whose policy has no contexts for containers: they have no label`,
            "install container-selinux, where that is wanted",
          )
        : ok(`SELinux, ${mode}: ${contexts.process} with a level of each container's own`);
    }
    if (exists("/proc/self/attr/apparmor/exec"))
      return ok("AppArmor: --security-opt apparmor=PROFILE confines by a profile that is loaded");
    return ok("neither SELinux nor AppArmor on this host");
  },
};
