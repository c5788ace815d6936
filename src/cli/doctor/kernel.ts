import { type Check, type Finding, fail, ok } from "./check.ts";

/** clone3 with CLONE_INTO_CGROUP, close_range and openat2 are all there from this release on. */
const [major, minor] = [5, 10];

/** The kernel's release. */
export const kernel: Check = {
  name: "kernel",
  look: (ground): Finding => {
    const release = ground.readText("/proc/sys/kernel/osrelease")?.trim() ?? "unknown";
    const [, a, b] = /^(\d+)\.(\d+)/.exec(release) ?? [];
    const isNew = Number(a) > major || (Number(a) === major && Number(b) >= minor);
    return isNew
      ? ok(`Linux ${release}`)
      : fail(
          `Linux ${release}`,
          `boot a kernel from ${major}.${minor} on: clone3, close_range and openat2 are needed`,
        );
  },
};
