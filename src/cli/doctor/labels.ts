import { withoutDefault } from "../../security/apparmor/load.ts";
import { defaultProfile } from "../../security/apparmor/profile.ts";
import { hasAppArmor, hasSelinux } from "../../security/options.ts";
import { readContainerContexts } from "../../security/selinux.ts";
import { type Check, type Finding, info, ok, warn } from "./check.ts";

/** Which access control module of the kernel can confine containers besides capabilities and seccomp. */
export const labels: Check = {
  name: "labels",
  look: ({ exists, readText, uid }): Finding => {
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
    if (exists("/proc/self/attr/apparmor/exec")) {
      const chosen = "--security-opt apparmor=PROFILE confines by a profile that is loaded";
      if (uid !== 0) return ok(`AppArmor: only root's containers have a profile by default; ${chosen}`);
      if (!hasAppArmor())
        return info(`AppArmor, which confines this very process: containers have no profile of their own`);
      const why = withoutDefault();
      if (why === undefined) return ok(`AppArmor: containers have the profile ${defaultProfile(false).name}`);
      return warn(
        `AppArmor, but ${why}: containers have no profile`,
        "apt-get install apparmor, and mount securityfs on /sys/kernel/security",
      );
    }
    return ok("neither SELinux nor AppArmor on this host");
  },
};
