import { close, duplicate, open } from "../src/program/calls/file.ts";
import { mount } from "../src/program/calls/mount.ts";
import { mountFlags, openFlags } from "../src/program/flags.ts";
import type { ProgramBuilder, Step } from "../src/program/step.ts";

const MS_QUIET = mountFlags.MS_NOSUID | mountFlags.MS_NODEV | mountFlags.MS_NOEXEC;

/** Where the child keeps the null device that masks are made of. */
const nullFd = 202;

/**
 * Pins /dev/null, to be called when mdocker has made it on a fresh tmpfs and before any mount of the user: one on /dev
 * could bring a symlink of that name, and a mask would put what it points to in reach (CVE-2025-31133).
 */
export function pinNull(builder: ProgramBuilder): void {
  const common = { reason: "masks are made of this very device, whatever is mounted on /dev later" };
  const fd = builder.add("child", open("/dev/null", openFlags.O_PATH, common));
  builder.add("child", duplicate(fd, nullFd, "at a number that the masks can name"));
  builder.add("child", close(fd, "pinned"));
}

/**
 * Hides a path of /proc or /sys: a directory below an empty read-only tmpfs, a file below the null device that
 * {@link pinNull} has pinned. What does not exist needs no mask.
 */
export function maskPath(builder: ProgramBuilder, path: string): void {
  const reason = "hidden: it tells about the host or changes it";
  // The tmpfs fits a directory only; a file answers ENOTDIR and gets the bind instead, a missing path needs neither.
  const covered = mount({
    source: "tmpfs",
    target: path,
    type: "tmpfs",
    flags: MS_QUIET | mountFlags.MS_RDONLY,
    options: "size=0k,nr_inodes=2",
    reason,
    tolerate: ["ENOTDIR", "ENOENT"],
    label: `mask ${path}`,
  });
  builder.add("child", covered);
  const flags = mountFlags.MS_BIND;
  builder.add(
    "child",
    mount({
      source: `/proc/self/fd/${nullFd}`,
      target: path,
      flags,
      reason,
      tolerate: ["ENOTDIR", "ENOENT"],
      label: `mask ${path}`,
    }),
  );
}

/** Makes a path read-only by binding it onto itself; what does not exist is passed over. */
export function protectPath(builder: ProgramBuilder, path: string): void {
  const reason = "read-only: writing here would change the host";
  const bind = mount({
    source: path,
    target: path,
    flags: mountFlags.MS_BIND | mountFlags.MS_REC,
    reason,
    tolerate: ["ENOENT"],
    label: `protect ${path}`,
  });
  builder.add("child", { ...bind, skip: 1 });
  const flags = mountFlags.MS_BIND | mountFlags.MS_REMOUNT | mountFlags.MS_RDONLY | MS_QUIET;
  builder.add("child", mount({ source: path, target: path, flags, reason, label: `protect ${path}` }));
}

/** Writes a sysctl while /proc/sys is still writable. */
export function writeSysctl(builder: ProgramBuilder, name: string, value: string, tolerant: boolean): void {
  const path = `/proc/sys/${name.replaceAll(".", "/")}`;
  const label = `set sysctl ${name}=${value}`;
  const missing = tolerant ? { tolerate: ["ENOENT"], skip: 2 } : {};
  const fd = builder.add(
    "child",
    open(path, openFlags.O_WRONLY, { reason: `sysctl ${name}`, label, ...missing }),
  );
  const refused = tolerant ? { tolerate: ["EINVAL", "EPERM"] } : {};
  builder.add("child", { ...sysctlValue(fd, value, name), label, ...refused });
  builder.add("child", close(fd, "written"));
}

function sysctlValue(fd: ReturnType<ProgramBuilder["add"]>, value: string, name: string): Step {
  const data = Buffer.from(value);
  return {
    kind: "syscall",
    call: "write",
    args: [fd, { data: "bytes", bytes: data }, data.length],
    text: () => `write(fd, ${JSON.stringify(value)}, ${data.length})`,
    reason: `sysctl ${name}`,
    label: name,
  };
}
