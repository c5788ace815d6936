import { chdir } from "../src/program/calls/file.ts";
import { detach, mount, pivotRoot } from "../src/program/calls/mount.ts";
import { mountFlags } from "../src/program/flags.ts";
import type { PartName, ProgramBuilder } from "../src/program/step.ts";

/** Cuts the tie to the host's mounts: nothing mounted from here on is seen outside, nor the other way. */
export function isolateMounts(builder: ProgramBuilder, part: PartName = "child"): void {
  const flags = mountFlags.MS_REC | mountFlags.MS_PRIVATE;
  const reason = "what is mounted here is not seen on the host";
  builder.add(part, mount({ source: "", target: "/", flags, reason, label: "make mounts private" }));
}

/** Mounts the overlay: below, the image's layers, read-only; above, the container's own writable one. */
export function mountOverlay(
  builder: ProgramBuilder,
  merged: string,
  options: string,
  cwd: string | undefined,
  part: PartName = "child",
): void {
  if (cwd !== undefined) builder.add(part, chdir(cwd, "the many layers are named by short links from here"));
  const reason = "the image's layers with the container's own on top";
  builder.add(part, mount({ source: "overlay", target: merged, type: "overlay", flags: 0, options, reason }));
}

/** Makes `merged` the root. The old root ends up below the working directory, until {@link leaveHost}. */
export function enterRoot(builder: ProgramBuilder, merged: string): void {
  builder.add("child", chdir(merged, "stand in the new root", "enter the container's root"));
  builder.add("child", pivotRoot("the container's root becomes the root of this mount namespace"));
}

/** Detaches the old root: no way leads back. */
export function leaveHost(builder: ProgramBuilder): void {
  builder.add("child", detach(".", "the host's tree, now on top of it, disappears"));
  builder.add("child", chdir("/", "no working directory outside"));
}

/** Makes the root itself read-only, once everything that needs a place in it has one. */
export function freezeRoot(builder: ProgramBuilder): void {
  const flags = mountFlags.MS_REMOUNT | mountFlags.MS_BIND | mountFlags.MS_RDONLY;
  builder.add(
    "child",
    mount({ source: "", target: "/", flags, reason: "--read-only", label: "make the root read-only" }),
  );
}
