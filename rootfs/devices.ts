import type { OciDevice } from "../src/core/oci.ts";
import { mknod, symlink } from "../src/program/calls/file.ts";
import type { Step } from "../src/program/step.ts";

/** A symbolic link of /dev. */
interface Link {
  readonly path: string;
  readonly target: string;
}

/** Fills the container's own /dev, a fresh tmpfs: nodes are made, not bound, so that nothing can be put in their place. */
export function populateDev(devices: readonly OciDevice[], links: readonly Link[]): Step[] {
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
    ...links.map(({ path, target }) => symlink(target, path, "programs expect it")),
  ];
}
