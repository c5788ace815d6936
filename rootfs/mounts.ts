import { dirname } from "node:path";
import type { OciMount } from "../src/core/oci.ts";
import { refuseValue } from "../src/program/calls/check.ts";
import { close, mkdir, open } from "../src/program/calls/file.ts";
import { mount } from "../src/program/calls/mount.ts";
import { attachTree, cloneTree, makeTreeReadOnly, openTarget } from "../src/program/calls/tree.ts";
import { cell } from "../src/program/data.ts";
import { mountFlags, openFlags } from "../src/program/flags.ts";
import type { PartName, ProgramBuilder, StepRef } from "../src/program/step.ts";
import { parseMountOptions } from "./mount-options.ts";

const PROC_SUPER_MAGIC = 0x9fa0n;
const STATFS_SIZE = 120;

/** `a/b/c` gives `/a`, `/a/b`, `/a/b/c`. */
function ancestors(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join("/")}`);
}

/** Adds what makes `path` and all above it, inside the container's root: it has been pivoted, nothing leads out of it. */
export function makeDirectories(builder: ProgramBuilder, path: string, reason: string): void {
  for (const directory of ancestors(path)) {
    if (builder.made.has(directory)) continue;
    builder.made.add(directory);
    builder.add("child", mkdir(directory, 0o755, reason));
  }
}

/** A mount on `path` hides what was made below it. */
function hideBelow(builder: ProgramBuilder, path: string): void {
  for (const directory of builder.made) if (directory.startsWith(`${path}/`)) builder.made.delete(directory);
}

const place = "a mount needs a place to be mounted on";

/** Makes an empty file to mount onto, with the directories above it; what exists stays as it is. */
function makeFile(builder: ProgramBuilder, path: string, follow: boolean): void {
  makeDirectories(builder, dirname(path), place);
  // Not for writing, which would copy the image's file into the container's layer; and a FIFO must not hold us up.
  const flags = openFlags.O_RDONLY | openFlags.O_CREAT | openFlags.O_NOCTTY | openFlags.O_NONBLOCK;
  // A directory, a socket, another's file in /tmp (EACCES: fs.protected_regular) or a read-only filesystem that already
  // has the name is as good: the mount will tell.
  const [more, tolerate] = follow
    ? [0, ["EISDIR", "ENXIO", "EACCES", "EROFS"]]
    : [openFlags.O_EXCL, ["EEXIST", "EROFS"]];
  const fd = builder.add("child", open(path, flags | more, { reason: place, tolerate, skip: 1 }, 0o644));
  builder.add("child", close(fd, "only its name is needed"));
}

/**
 * Opens the target of a mount and refuses what a hostile image could put there: the descriptor pins the place, and a
 * target inside procfs would take the masks off (CVE-2019-16884, CVE-2021-30465).
 */
function openChecked(builder: ProgramBuilder, path: string, follow: boolean, label: string): StepRef {
  const target = builder.add("child", openTarget(path, follow, label));
  const filesystem = cell(STATFS_SIZE);
  builder.add("child", {
    kind: "syscall",
    call: "fstatfs",
    args: [target, filesystem],
    text: () => "fstatfs(target, &filesystem)",
    reason: "which filesystem is the target on",
    label,
  });
  builder.add(
    "child",
    refuseValue({
      data: filesystem,
      width: 8,
      value: PROC_SUPER_MAGIC,
      errno: "EPERM",
      text: "filesystem.f_type != PROC_SUPER_MAGIC",
      reason: "nothing is mounted over a part of /proc",
      label: `${label}: nothing may be mounted inside /proc`,
    }),
  );
  return target;
}

/** A bind mount whose source the host side has opened already (see `openSources`). */
export interface OpenedSource {
  readonly tree: StepRef;
  readonly directory: boolean;
}

/** Whether what is mounted on the source later shall show in the container, or the other way round. */
export function sharesEvents({ options = [] }: OciMount): boolean {
  const { propagation } = parseMountOptions(options);
  return propagation !== undefined && (propagation & mountFlags.MS_PRIVATE) === 0;
}

/**
 * Opens the sources of all bind mounts, while the host's tree is still in sight. Those that share events must be opened
 * before the ties to the host's mounts are cut: the copy keeps the tie. `isDirectory` is asked on the host.
 */
export function openSources(
  builder: ProgramBuilder,
  mounts: readonly OciMount[],
  isDirectory: (path: string) => boolean,
  part: PartName = "child",
): ReadonlyMap<OciMount, OpenedSource> {
  const opened = new Map<OciMount, OpenedSource>();
  for (const item of mounts) {
    if (item.type !== "bind" || item.source === undefined) continue;
    const label = `bind ${item.source} on ${item.destination}`;
    const { flags } = parseMountOptions(item.options ?? []);
    const recursive = (flags & mountFlags.MS_REC) !== 0;
    const tree = builder.add(
      part,
      cloneTree(item.source, recursive, label, `a copy of the mount, to appear at ${item.destination}`),
    );
    if ((flags & mountFlags.MS_RDONLY) !== 0) builder.add(part, makeTreeReadOnly(tree, recursive, label));
    opened.set(item, { tree, directory: isDirectory(item.source) });
  }
  return opened;
}

/**
 * Attaches an opened source at its destination inside the container's root. Without `follow` it covers a symlink at the
 * destination instead of what that points to, which may be nothing.
 */
export function bindMount(
  builder: ProgramBuilder,
  item: OciMount,
  { tree, directory }: OpenedSource,
  follow: boolean,
): void {
  const label = `bind ${item.source} on ${item.destination}`;
  if (directory) makeDirectories(builder, item.destination, place);
  else makeFile(builder, item.destination, follow);
  const target = openChecked(builder, item.destination, follow, label);
  builder.add("child", attachTree(tree, target, item.destination, label));
  hideBelow(builder, item.destination);
  builder.add("child", close(target, "the mount holds it now"));
  builder.add("child", close(tree, "attached"));
  const { propagation } = parseMountOptions(item.options ?? []);
  // What was copied when all mounts were private already is private: only another wish needs a call.
  if (propagation !== undefined && sharesEvents(item)) {
    const reason = "mount events travel as asked";
    builder.add("child", mount({ source: "", target: item.destination, flags: propagation, reason, label }));
  }
}

/** Refuses a root in which `path` is anything but a directory: a symlink there would lead a system mount astray. */
function expectDirectory(builder: ProgramBuilder, path: string): void {
  const flags = openFlags.O_PATH | openFlags.O_NOFOLLOW | openFlags.O_DIRECTORY;
  const reason = "an image may not lead mdocker's own mounts elsewhere: it must be a real directory";
  const fd = builder.add(
    "child",
    open(path, flags, { reason, label: `${path} of the image must be a directory` }),
  );
  builder.add("child", close(fd, "looked at"));
}

/**
 * Mounts a filesystem of the kernel (proc, sysfs, tmpfs, devpts, mqueue) at its place inside the container's root.
 * @param context One more option, for SELinux: the only one with commas in it.
 */
export function systemMount(builder: ProgramBuilder, item: OciMount, reason: string, context?: string): void {
  const { flags, data } = parseMountOptions(item.options ?? []);
  makeDirectories(builder, item.destination, place);
  if (item.destination.lastIndexOf("/") === 0) expectDirectory(builder, item.destination);
  const type = item.type ?? "none";
  const options = context === undefined ? data : [data, context].filter(Boolean).join(",");
  builder.add(
    "child",
    mount({ source: item.source ?? type, target: item.destination, type, flags, options, reason }),
  );
  if ((flags & mountFlags.MS_REMOUNT) === 0) hideBelow(builder, item.destination);
}
