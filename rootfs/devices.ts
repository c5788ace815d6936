import { dirname } from "node:path";
import type { OciDevice, OciMount } from "../src/core/oci.ts";
import { changeOwner, mknod, symlink } from "../src/program/calls/file.ts";
import type { ProgramBuilder } from "../src/program/step.ts";
import { makeDirectories } from "./mounts.ts";

/** A symbolic link of /dev. */
interface Link {
  readonly path: string;
  readonly target: string;
}

/** Fills the container's own /dev, a fresh tmpfs: nodes are made, not bound, so that nothing can be put in their place. */
export function populateDev(
  builder: ProgramBuilder,
  devices: readonly OciDevice[],
  links: readonly Link[],
): void {
  for (const { path, type, fileMode, major, minor, uid = 0, gid = 0 } of devices) {
    if (type !== "c" && type !== "b") continue;
    const known = fileMode === undefined || fileMode === 0o666;
    const reason = known ? "a device that every program may use" : "a device of the host, with its mode";
    if (dirname(path) !== "/dev") makeDirectories(builder, dirname(path), "a device needs a place");
    builder.add("child", mknod(path, type, fileMode ?? 0o666, major, minor, reason));
    if (uid !== 0 || gid !== 0) builder.add("child", changeOwner(path, uid, gid, "its owner on the host"));
  }
  for (const { path, target } of links) builder.add("child", symlink(target, path, "programs expect it"));
}

/** The same devices as bind mounts of the host's own nodes: for who is root of a user namespace only, mknod(2). */
export function boundDevices(devices: readonly OciDevice[]): OciMount[] {
  return devices
    .filter(({ type }) => type === "c" || type === "b")
    .map(({ path }) => ({
      destination: path,
      type: "bind",
      source: path,
      options: ["bind", "rw", "rprivate"],
    }));
}
