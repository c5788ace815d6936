import { type Argument, bytes, text } from "../data.ts";
import { decodeFlags, openFlags } from "../flags.ts";
import type { Step, StepRef } from "../step.ts";

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

interface Common {
  readonly reason: string;
  readonly tolerate?: readonly string[];
  readonly skip?: number;
  readonly label?: string;
}

/** openat(2) relative to the working directory. Close-on-exec unless it is made the process's stdio later. */
export function open(path: string, flags: number, common: Common, mode = 0): Step {
  const all = flags | openFlags.O_CLOEXEC;
  return {
    kind: "syscall",
    call: "openat",
    args: [AT_FDCWD, text(path), all, mode],
    tolerate: common.tolerate,
    skip: common.skip,
    text: () =>
      `openat(AT_FDCWD, ${JSON.stringify(path)}, ${(flags & 3) === 0 ? "O_RDONLY|" : ""}${decodeFlags(all, openFlags)})`,
    reason: common.reason,
    label: common.label ?? `open ${path}`,
  };
}

/** write(2) of a short text in one call, as procfs and cgroupfs want it. */
export function write(fd: StepRef | number, value: string, common: Common): Step {
  const data = Buffer.from(value);
  return {
    kind: "syscall",
    call: "write",
    args: [fd, bytes(data), data.length],
    tolerate: common.tolerate,
    skip: common.skip,
    text: () => `write(fd, ${JSON.stringify(value)}, ${data.length})`,
    reason: common.reason,
    label: common.label ?? `write ${JSON.stringify(value)}`,
  };
}

/** close(2) */
export function close(fd: Argument, reason: string): Step {
  const shown = typeof fd === "number" ? String(fd) : "fd";
  return {
    kind: "syscall",
    call: "close",
    args: [fd],
    text: () => `close(${shown})`,
    reason,
    label: `close ${shown}`,
  };
}

/** mkdirat(2); an existing entry is no failure. */
export function mkdir(path: string, mode: number, reason: string): Step {
  return {
    kind: "syscall",
    call: "mkdirat",
    args: [AT_FDCWD, text(path), mode],
    tolerate: ["EEXIST"],
    text: () => `mkdirat(AT_FDCWD, ${JSON.stringify(path)}, 0${mode.toString(8)})`,
    reason,
    label: `make directory ${path}`,
  };
}

/** symlinkat(2); an existing entry is left as it is. */
export function symlink(target: string, path: string, reason: string): Step {
  return {
    kind: "syscall",
    call: "symlinkat",
    args: [text(target), AT_FDCWD, text(path)],
    tolerate: ["EEXIST"],
    text: () => `symlinkat(${JSON.stringify(target)}, AT_FDCWD, ${JSON.stringify(path)})`,
    reason,
    label: `link ${path}`,
  };
}

/** mknodat(2) of an empty regular file. */
export function mknodFile(path: string, mode: number, reason: string): Step {
  return {
    kind: "syscall",
    call: "mknodat",
    args: [AT_FDCWD, text(path), S_IFREG | mode, 0],
    tolerate: ["EEXIST"],
    text: () => `mknodat(AT_FDCWD, ${JSON.stringify(path)}, S_IFREG|0${mode.toString(8)}, 0)`,
    reason,
    label: `make file ${path}`,
  };
}

const S_IFREG = 0o100000;
const S_IFCHR = 0o20000;
const S_IFBLK = 0o60000;

/** mknodat(2) of a device node. */
export function mknod(
  path: string,
  type: "c" | "b",
  mode: number,
  major: number,
  minor: number,
  reason: string,
): Step {
  // makedev(3): the low 8 bits of minor, 12 bits of major, then the rest of minor.
  const device = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12);
  return {
    kind: "syscall",
    call: "mknodat",
    args: [AT_FDCWD, text(path), (type === "c" ? S_IFCHR : S_IFBLK) | mode, device],
    text: () =>
      `mknodat(AT_FDCWD, ${JSON.stringify(path)}, ${type === "c" ? "S_IFCHR" : "S_IFBLK"}|0${mode.toString(8)}, makedev(${major}, ${minor}))`,
    reason,
    label: `make device ${path}`,
  };
}

/** fchownat(2), of the name itself. */
export function changeOwner(path: string, uid: number, gid: number, reason: string): Step {
  return {
    kind: "syscall",
    call: "fchownat",
    args: [AT_FDCWD, text(path), uid, gid, AT_SYMLINK_NOFOLLOW],
    text: () => `fchownat(AT_FDCWD, ${JSON.stringify(path)}, ${uid}, ${gid}, AT_SYMLINK_NOFOLLOW)`,
    reason,
    label: `change the owner of ${path}`,
  };
}

/** chdir(2) */
export function chdir(path: string, reason: string, label?: string): Step {
  return {
    kind: "syscall",
    call: "chdir",
    args: [text(path)],
    text: () => `chdir(${JSON.stringify(path)})`,
    reason,
    label: label ?? `change to directory ${path}`,
  };
}

/** dup3(2) without close-on-exec, so that the copy survives execve. */
export function duplicate(from: StepRef | number, to: number, reason: string): Step {
  const shown = typeof from === "number" ? String(from) : "fd";
  return {
    kind: "syscall",
    call: "dup3",
    args: [from, to, 0],
    text: () => `dup3(${shown}, ${to}, 0)`,
    reason,
    label: `descriptor ${to}`,
  };
}
