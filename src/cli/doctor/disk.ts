import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { formatBytes } from "../../core/units.ts";
import { type Check, type Finding, fail, ok, warn } from "./check.ts";

const enough = 1024 ** 3;
const least = 64 * 1024 ** 2;

/** Room below the root: bytes and inodes. */
export const disk: Check = {
  name: "disk",
  look: ({ instance }): Finding => {
    let path = instance.root;
    while (!existsSync(path) && path !== "/") path = dirname(path);
    const { bavail, bsize, ffree, files } = statfsSync(path);
    const free = bavail * bsize;
    const text = `${formatBytes(free)} free below ${path}`;
    const mend = "make room, or move it with --root or MDOCKER_ROOT";
    if (free < least) return fail(text, mend);
    // Some filesystems make inodes as needed, and say that they have none.
    if (files > 0 && ffree < 1000) return warn(`${text}, but only ${ffree} inodes`, mend);
    return free < enough ? warn(text, mend) : ok(text);
  },
};
