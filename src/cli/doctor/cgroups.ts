import { detectCgroups, managerOf } from "../../../cgroup/host.ts";
import { type Check, type Finding, ok, warn } from "./check.ts";

/** What limits need, by their v2 names; `io` is `blkio` in v1. */
const wanted = ["memory", "cpu", "pids", "cpuset", "io"];

/** Which cgroup version has the controllers, and which controllers there are. */
export const cgroups: Check = {
  name: "cgroups",
  look: (): Finding => {
    const host = detectCgroups();
    const names = host.driver === "v2" ? [...host.controllers] : [...host.controllers.keys()];
    const missing = wanted.filter(
      (name) => !names.includes(name) && !(name === "io" && names.includes("blkio")),
    );
    const manager = managerOf(host) === "systemd" ? ", in a scope of systemd's" : "";
    const found = `${host.driver}${manager}: ${names.join(" ")}`;
    return missing.length === 0
      ? ok(found)
      : warn(
          `${found}; without ${missing.join(", ")}`,
          `limits on ${missing.join(", ")} are refused: boot with cgroup_enable=memory or a kernel that has them`,
        );
  },
};
