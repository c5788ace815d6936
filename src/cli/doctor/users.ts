import { closeSync, existsSync } from "node:fs";
import { dirname } from "node:path";
import { openMapping } from "../../container/users/namespace.ts";
import { rangesFor, usualSize } from "../../container/users/range.ts";
import { messageOf } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { tryIdmap } from "../../sys/idmap.ts";
import { type Check, type Finding, info, ok } from "./check.ts";

/** Why the files below the root cannot be shown by other users; undefined when they can. */
function refusal(instance: Instance, uid: number): string | undefined {
  let path = instance.root;
  while (!existsSync(path) && path !== "/") path = dirname(path);
  try {
    // Nothing of the instance may be there yet.
    const users = openMapping({ ...instance, state: path }, { uid, gid: uid, size: usualSize });
    try {
      tryIdmap(path, users);
      return undefined;
    } finally {
      closeSync(users);
    }
  } catch (error) {
    return messageOf(error);
  }
}

/** What --userns needs: user namespaces, ids for them, and a filesystem that can be mounted with other owners. */
export const users: Check = {
  name: "users",
  look: ({ instance, uid, readText, exists }): Finding => {
    const none = "--userns is refused";
    if (!exists("/proc/self/ns/user"))
      return info(`no user namespaces: ${none}`, "boot a kernel with CONFIG_USER_NS, where that is wanted");
    if (readText("/proc/sys/user/max_user_namespaces")?.trim() === "0")
      return info(
        `no user namespace may be made: ${none}`,
        "sysctl user.max_user_namespaces=15000, where that is wanted",
      );
    const { users: ranges } = rangesFor(readText("/etc/subuid") ?? "", readText("/etc/subgid") ?? "");
    const count = ranges.reduce((sum, range) => sum + Math.floor(range.count / usualSize), 0);
    const found = `ids for ${count} containers with --userns auto, from ${ranges[0]?.first ?? 0} on`;
    if (uid !== 0) return ok(found);
    const why = refusal(instance, ranges[0]?.first ?? 0);
    return why === undefined
      ? ok(`${found}; idmapped mounts below ${instance.root}`)
      : info(
          `no idmapped mounts below ${instance.root} (${why}): ${none}`,
          "Linux 5.19 or later and a --root on ext4, xfs, btrfs or tmpfs, where that is wanted",
        );
  },
};
