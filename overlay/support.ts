import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { readTextIfAny } from "../src/core/atomic.ts";
import { hasErrno } from "../src/core/errors.ts";

/**
 * Filesystems (f_type of statfs(2), include/uapi/linux/magic.h) that cannot hold the writable layer of an overlay: they
 * lack whiteouts, trusted attributes or d_type, or are overlays themselves.
 */
const unusable: ReadonlyMap<number, string> = new Map([
  [0x794c7630, "overlay"],
  [0x6969, "nfs"],
  [0xff534d42, "cifs"],
  [0xfe534d42, "smb2"],
  [0x01021997, "9p"],
  [0x4d44, "vfat"],
  [0x2011bab0, "exfat"],
  [0xf15f, "ecryptfs"],
  [0x73717368, "squashfs"],
  [0x9660, "iso9660"],
]);

/** The nearest directory at or above `path` that exists: what will be made there lies on its filesystem. */
function filesystemType(path: string): number {
  try {
    // f_type is a signed word on some architectures.
    return statfsSync(path).type >>> 0;
  } catch (error) {
    if (!hasErrno(error, "ENOENT") || path === "/") throw error;
    return filesystemType(dirname(path));
  }
}

function isLoaded(): boolean {
  return /^nodev\toverlay$/m.test(readTextIfAny("/proc/filesystems") ?? "");
}

function isLoadable(): boolean {
  const release = readTextIfAny("/proc/sys/kernel/osrelease")?.trim();
  return /\/overlay\.ko\b/.test(readTextIfAny(`/lib/modules/${release}/modules.dep`) ?? "");
}

/**
 * Why overlay mounts with their writable layer below `directory` cannot work on this host, and what to do; undefined
 * when nothing speaks against it. Cheap: two small system calls, nothing is mounted.
 */
export function checkOverlaySupport(directory: string): string | undefined {
  // mount(2) loads the module by itself where there is one.
  if (!isLoaded() && !isLoadable()) {
    return "the kernel has no overlay filesystem (CONFIG_OVERLAY_FS)";
  }
  const name = unusable.get(filesystemType(directory));
  if (name === undefined) return undefined;
  return `${directory} is on ${name}, which cannot hold the writable layer of an overlay (use --root or MDOCKER_ROOT with a directory on ext4, xfs, btrfs or tmpfs)`;
}
