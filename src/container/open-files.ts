import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";

/** Not among Node's constants; the same number on x86_64 and arm64. */
const O_PATH = 0o10000000;

/** Something that a process holds open. */
export interface OpenFile {
  /** A number, or `cwd` and `rtd` for its working and root directory. */
  readonly fd: string;
  /** What the kernel calls it: a path, `pipe:[1]`, `anon_inode:[eventpoll]`. */
  readonly name: string;
  readonly type: "REG" | "DIR" | "CHR" | "BLK" | "FIFO" | "SOCK" | "LNK" | "ANON" | "NS" | "MEMFD";
  readonly inode: number;
  /** How it was opened: `r`, `w`, `u` for both, `p` for a place (O_PATH). */
  readonly mode: string;
  /** The mount it was opened through, as mountinfo numbers them. */
  readonly mount: number | undefined;
  /** For a pidfd: its process, as numbered here; -1 when that is gone. */
  readonly pidfd: number | undefined;
}

/** A process and what it holds open. */
export interface ProcessFiles {
  readonly pid: number;
  /** Its pid as the container numbers it. */
  readonly innerPid: number;
  readonly command: string;
  readonly uid: number;
  readonly mountNamespace: string;
  readonly files: readonly OpenFile[];
}

/** Does `look`; undefined when the process or the file has gone meanwhile. */
export function ifThere<T>(look: () => T, ...others: readonly string[]): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH", "EINVAL", ...others)) return undefined;
    throw error;
  }
}

/** The same for a process of the host, which may be more powerful than we are: then nothing is known of it. */
export function ifAllowed<T>(look: () => T): T | undefined {
  return ifThere(look, "EACCES", "EPERM");
}

function typeOf(name: string, mode: number): OpenFile["type"] {
  if (/^\/memfd:/.test(name)) return "MEMFD";
  if (/^anon_inode:|^pidfd:/.test(name)) return "ANON";
  if (/^[a-z_]+:\[\d+\]$/.test(name) && !/^(pipe|socket):/.test(name)) return "NS";
  switch (mode & constants.S_IFMT) {
    case constants.S_IFDIR:
      return "DIR";
    case constants.S_IFCHR:
      return "CHR";
    case constants.S_IFBLK:
      return "BLK";
    case constants.S_IFIFO:
      return "FIFO";
    case constants.S_IFSOCK:
      return "SOCK";
    case constants.S_IFLNK:
      return "LNK";
    default:
      return "REG";
  }
}

/** proc_pid_fdinfo(5): flags in octal, mnt_id, and Pid for a pidfd. */
function parseFdinfo(text: string): Pick<OpenFile, "mode" | "mount" | "pidfd"> {
  const value = (key: string): string | undefined => new RegExp(`^${key}:\\s*(-?\\d+)$`, "m").exec(text)?.[1];
  const flags = Number.parseInt(value("flags") ?? "0", 8);
  const access = ["r", "w", "u", "u"][flags & 3] ?? "";
  const [mount, pidfd] = [value("mnt_id"), value("Pid")];
  return {
    mode: (flags & O_PATH) !== 0 ? "p" : access,
    mount: mount === undefined ? undefined : Number(mount),
    pidfd: pidfd === undefined ? undefined : Number(pidfd),
  };
}

function describeFd(pid: number, fd: string): OpenFile | undefined {
  return ifThere(() => {
    const path = `/proc/${pid}/fd/${fd}`;
    const name = readlinkSync(path);
    const about = statSync(path);
    const info = parseFdinfo(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"));
    return { fd, name, type: typeOf(name, about.mode), inode: about.ino, ...info };
  });
}

/** Its working or root directory: what a descriptor of our own, opened through it, is told to be on. */
function describeDirectory(pid: number, fd: "cwd" | "rtd"): OpenFile | undefined {
  return ifThere(() => {
    const path = `/proc/${pid}/${fd === "cwd" ? "cwd" : "root"}`;
    const own = openSync(path, O_PATH | constants.O_DIRECTORY);
    try {
      const { mount } = parseFdinfo(readFileSync(`/proc/self/fdinfo/${own}`, "utf8"));
      const inode = statSync(path).ino;
      return { fd, name: readlinkSync(path), type: "DIR" as const, inode, mode: "", mount, pidfd: undefined };
    } finally {
      closeSync(own);
    }
  });
}

/** Everything that one process holds open; undefined when it has gone. */
export function readProcessFiles(pid: number): ProcessFiles | undefined {
  return ifThere(() => {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const field = (key: string): string => new RegExp(`^${key}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
    const fds = readdirSync(`/proc/${pid}/fd`);
    const files = [
      describeDirectory(pid, "cwd"),
      describeDirectory(pid, "rtd"),
      ...fds.map((fd) => describeFd(pid, fd)),
    ];
    return {
      pid,
      innerPid: Number(field("NSpid").split(/\s+/).at(-1)),
      command: field("Name"),
      uid: Number(field("Uid").split(/\s+/)[1]),
      mountNamespace: readlinkSync(`/proc/${pid}/ns/mnt`),
      files: files.filter((file) => file !== undefined),
    };
  });
}
