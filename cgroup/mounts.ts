import type { OciMount, OciResources } from "../src/core/oci.ts";
import type { CgroupHost } from "./host.ts";
import { v1Controllers } from "./plan.ts";

const place = "/sys/fs/cgroup";
const common = ["nosuid", "noexec", "nodev", "relatime"];

/**
 * What a container sees on /sys/fs/cgroup: its own cgroup as the root, read-only unless `writable`. To be mounted in order, inside its own
 * cgroup namespace. On v1 only hierarchies it has joined: in the others the host's root would be its own.
 */
export function cgroupMounts(host: CgroupHost, resources: OciResources, writable = false): OciMount[] {
  const access = writable ? "rw" : "ro";
  if (host.driver === "v2") {
    return [{ destination: place, type: "cgroup2", source: "cgroup", options: [...common, access] }];
  }
  const mounts = v1Controllers(host, resources).map((controller): OciMount => {
    const mountPoint = host.controllers.get(controller);
    // Controllers that are mounted together can only be mounted together.
    const together = [...host.controllers].filter(([, other]) => other === mountPoint).map(([name]) => name);
    return {
      destination: `${place}/${together.join(",")}`,
      type: "cgroup",
      source: "cgroup",
      options: [...common, access, ...together],
    };
  });
  return [
    { destination: place, type: "tmpfs", source: "tmpfs", options: [...common, "mode=755", "size=64k"] },
    ...mounts,
    { destination: place, type: "tmpfs", source: "tmpfs", options: ["remount", "bind", ...common, "ro"] },
  ];
}
