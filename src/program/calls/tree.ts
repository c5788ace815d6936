import { text, words } from "../data.ts";
import { openFlags } from "../flags.ts";
import type { Step, StepRef } from "../step.ts";

const AT_FDCWD = -100;
const AT_RECURSIVE = 0x8000;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = openFlags.O_CLOEXEC;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const RESOLVE_NO_MAGICLINKS = 0x2;
const MOUNT_ATTR_RDONLY = 0x1;
const MOUNT_ATTR_IDMAP = 0x00100000;

/** open_tree(2): a detached copy of the mount at `path`, to be attached elsewhere later. */
export function cloneTree(path: string, recursive: boolean, label: string, reason: string): Step {
  return {
    kind: "syscall",
    call: "open_tree",
    args: [AT_FDCWD, text(path), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0)],
    text: () =>
      `open_tree(AT_FDCWD, ${JSON.stringify(path)}, OPEN_TREE_CLONE${recursive ? "|AT_RECURSIVE" : ""}|OPEN_TREE_CLOEXEC)`,
    reason,
    label,
  };
}

/**
 * openat2(2) of a mount target: symlinks are followed inside the root, procfs's magic ones never; without `follow` a
 * symlink at the end is the target itself.
 */
export function openTarget(path: string, follow: boolean, label: string): Step {
  const nofollow = follow ? 0 : openFlags.O_NOFOLLOW;
  const how = words([openFlags.O_PATH | openFlags.O_CLOEXEC | nofollow, 0, RESOLVE_NO_MAGICLINKS]);
  const shown = follow ? "O_PATH|O_CLOEXEC" : "O_PATH|O_NOFOLLOW|O_CLOEXEC";
  return {
    kind: "syscall",
    call: "openat2",
    args: [AT_FDCWD, text(path), how, 24],
    text: () => `openat2(AT_FDCWD, ${JSON.stringify(path)}, {${shown}, RESOLVE_NO_MAGICLINKS}, 24)`,
    reason: "the target is pinned by a descriptor, so that nothing can be swapped under it",
    label,
  };
}

/** move_mount(2): attaches a detached mount at an opened target. */
export function attachTree(tree: StepRef, target: StepRef, path: string, label: string): Step {
  return {
    kind: "syscall",
    call: "move_mount",
    args: [tree, text(""), target, text(""), MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH],
    text: () =>
      `move_mount(tree, "", ${JSON.stringify(path)}, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)`,
    reason: "the host's file or directory appears in the container",
    label,
  };
}

/** mount_setattr(2) MOUNT_ATTR_RDONLY on a detached mount, before anyone can reach it. */
export function makeTreeReadOnly(tree: StepRef, recursive: boolean, label: string): Step {
  const attributes = words([MOUNT_ATTR_RDONLY, 0, 0, 0]);
  return {
    kind: "syscall",
    call: "mount_setattr",
    args: [tree, text(""), AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), attributes, 32],
    text: () =>
      `mount_setattr(tree, "", AT_EMPTY_PATH${recursive ? "|AT_RECURSIVE" : ""}, {attr_set=MOUNT_ATTR_RDONLY}, 32)`,
    reason: "read-only before it becomes reachable",
    label,
  };
}

/**
 * mount_setattr(2) MOUNT_ATTR_IDMAP on a detached mount: its files belong to the users of the namespace that descriptor
 * `users` stands for, by the ids that they have on the disk. EINVAL: the filesystem cannot do that.
 */
export function idmapTree(tree: StepRef, users: number, recursive: boolean, label: string): Step {
  const attributes = words([MOUNT_ATTR_IDMAP, 0, 0, users]);
  return {
    kind: "syscall",
    call: "mount_setattr",
    args: [tree, text(""), AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), attributes, 32],
    text: () =>
      `mount_setattr(tree, "", AT_EMPTY_PATH${recursive ? "|AT_RECURSIVE" : ""}, {attr_set=MOUNT_ATTR_IDMAP, userns_fd=${users}}, 32)`,
    reason: "its files belong to the container's users, with no owner changed on the disk",
    label,
  };
}

/** open_tree(2): a detached copy of the root mount alone, without what is mounted below it. */
export function cloneRoot(): Step {
  return {
    kind: "syscall",
    call: "open_tree",
    args: [AT_FDCWD, text("/"), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC],
    text: () => 'open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC)',
    reason: "the root as it is below all mounts",
    label: "look at the root alone",
  };
}

/** fchdir(2) and chroot(2): an opened directory becomes the root. */
export function becomeRoot(directory: StepRef): Step[] {
  const [reason, label] = ["it is the root of whoever looks from outside", "change the root"];
  return [
    { kind: "syscall", call: "fchdir", args: [directory], text: () => "fchdir(tree)", reason, label },
    { kind: "syscall", call: "chroot", args: [text(".")], text: () => 'chroot(".")', reason, label },
  ];
}
