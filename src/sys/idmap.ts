import { closeSync } from "node:fs";
import { call } from "./call.ts";

/** The same number on every machine that came after Linux 5.1. */
const SYS_open_tree = 428;
const SYS_mount_setattr = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOUNT_ATTR_IDMAP = 0x00100000n;
/** struct mount_attr: attr_set u64@0 · attr_clr u64@8 · propagation u64@16 · userns_fd u64@24. */
const MOUNT_ATTR_SIZE = 32;

/**
 * Whether the filesystem of `directory` can be shown by the users of a user namespace (an open file of it): an idmapped
 * mount is made, attached nowhere, and let go again (mount_setattr(2)).
 * @throws SyscallError: EINVAL where the filesystem cannot, ENOSYS before Linux 5.12.
 */
export function tryIdmap(directory: string, users: number): void {
  const tree = call(
    "long syscall(long number, int dirfd, const char *path, unsigned int flags)",
    [SYS_open_tree, AT_FDCWD, directory, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC],
    { call: "open_tree", subject: directory },
  );
  try {
    const attributes = Buffer.alloc(MOUNT_ATTR_SIZE);
    attributes.writeBigUInt64LE(MOUNT_ATTR_IDMAP, 0);
    attributes.writeBigUInt64LE(BigInt(users), 24);
    call(
      "long syscall(long number, int dirfd, const char *path, unsigned int flags, void *attr, size_t size)",
      [SYS_mount_setattr, tree, "", AT_EMPTY_PATH, attributes, MOUNT_ATTR_SIZE],
      { call: "mount_setattr", subject: directory },
    );
  } finally {
    closeSync(tree);
  }
}
