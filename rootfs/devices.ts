import type { OciDevice } from "../src/core/oci.ts";
import { mknod, symlink } from "../src/program/calls/file.ts";
import type { Step } from "../src/program/step.ts";

/** Links that programs expect in /dev; the terminal multiplexer is the container's own devpts. */
const links: readonly (readonly [string, string])[] = [
  ["/proc/self/fd", "/dev/fd"],
  ["/proc/self/fd/0", "/dev/stdin"],
  ["/proc/self/fd/1", "/dev/stdout"],
  ["/proc/self/fd/2", "/dev/stderr"],
  ["pts/ptmx", "/dev/ptmx"],
];

/** Fills the container's own /dev, a fresh tmpfs: nodes are made, not bound, so that nothing can be put in their place. */
export function populateDev(devices: readonly OciDevice[]): Step[] {
  return [
    ...devices
      .filter((device) => device.type === "c" || device.type === "b")
      .map(({ path, type, fileMode, major, minor }) =>
        mknod(
          path,
          type === "b" ? "b" : "c",
          fileMode ?? 0o666,
          major,
          minor,
          "a device that every program may use",
        ),
      ),
    ...links.map(([target, path]) => symlink(target, path, "programs expect it")),
  ];
}
