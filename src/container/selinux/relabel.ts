import { closeSync, fstatSync, openSync } from "node:fs";
import { homedir } from "node:os";
import { hasErrno, messageOf, SetupError, UsageError } from "../../core/errors.ts";
import { Directory } from "../../sys/directory.ts";
import { getAttribute, setAttribute } from "../../sys/xattr.ts";

/** Not among Node's constants; the same number on x86_64 and arm64. */
const O_PATH = 0o10000000;
const attribute = "security.selinux";

/** What docker refuses, too: a host whose own directories are a container's does not start again. */
const hostDirectories: readonly string[] =
  "/ /bin /boot /dev /etc /home /lib /lib64 /media /opt /proc /root /run /sbin /srv /sys /system /tmp /usr /var /var/lib /var/log".split(
    " ",
  );

/** @throws UsageError for a directory that the host itself needs */
export function refuseHostDirectory(source: string): void {
  const above = hostDirectories.find((directory) => directory === source);
  const inside = ["/etc/", "/usr/", "/boot/", "/proc/", "/sys/", "/dev/"].some((start) =>
    source.startsWith(start),
  );
  if (above === undefined && !inside && source !== homedir()) return;
  throw new UsageError(
    `-v ${source}: z, Z: expected a directory that is for containers: this one is the host's own, and giving it another label would lock the host out of it`,
  );
}

/** A label is text with a zero at its end (security/selinux/hooks.c). */
function bytesOf(label: string): Buffer {
  return Buffer.from(`${label}\0`);
}

function labelOf(fd: number): string | undefined {
  return getAttribute(fd, attribute)?.toString().replace(/\0$/, "");
}

/** True when a file has the type that `label` has, whatever its level. @throws Node's error */
export function hasType(path: string, label: string): boolean {
  const fd = openSync(path, O_PATH);
  try {
    return labelOf(fd)?.split(":")[2] === label.split(":")[2];
  } finally {
    closeSync(fd);
  }
}

function setLabel(fd: number, label: string): void {
  if (labelOf(fd) !== label) setAttribute(fd, attribute, bytesOf(label));
}

/** What is below, without following a link or leaving for what is mounted there: each is pinned before it is changed. */
function relabelBelow(directory: Directory, label: string): void {
  for (const name of directory.names()) {
    const pinned = directory.pin(name);
    if (pinned === undefined) continue;
    try {
      const isDirectory = pinned.stat.isDirectory();
      if (isDirectory && directory.isMountPoint(name)) continue;
      if (isDirectory) relabelBelow(new Directory(pinned.fd), label);
      setLabel(pinned.fd, label);
    } finally {
      closeSync(pinned.fd);
    }
  }
}

/**
 * Labels a file, or a directory with all that is in it, itself last: who has the label has it throughout. Filesystems without labels stay as they are.
 * @throws SetupError naming the path
 */
export function relabel(path: string, label: string): void {
  const fd = openSync(path, O_PATH);
  try {
    if (fstatSync(fd).isDirectory()) relabelBelow(new Directory(fd), label);
    setLabel(fd, label);
  } catch (error) {
    if (hasErrno(error, "EOPNOTSUPP", "ENOTSUP")) return;
    throw new SetupError(`${path}: cannot be labelled ${label}: ${messageOf(error)}`, { cause: error });
  } finally {
    closeSync(fd);
  }
}
