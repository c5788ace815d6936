import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ownable } from "../src/core/rootless.ts";
import type { LayerEntry } from "./layer-tree.ts";

/** Makes one entry; mode and owner exactly as said, whatever the umask. */
function writeEntry(path: string, entry: LayerEntry): void {
  if (entry.kind === "directory") mkdirSync(path, 0o700);
  else if (entry.kind === "symlink") symlinkSync(entry.target, path);
  // A filesystem with reflinks (btrfs, xfs) shares the blocks instead of copying them.
  else if ("source" in entry)
    copyFileSync(entry.source, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  else writeFileSync(path, entry.content, { flag: "wx", mode: 0o600 });
  // The owner first: chown(2) clears the setuid bits that chmod sets.
  const [uid, gid] = [ownable(entry.uid), ownable(entry.gid)];
  if (uid !== 0 || gid !== 0) lchownSync(path, uid, gid);
  if (entry.kind !== "symlink") chmodSync(path, entry.mode);
}

/** Makes a layer's entries (sorted by path) below `root`, an empty directory, which becomes a `/`: 0755, dated 1970. */
export function writeLayer(root: string, entries: readonly LayerEntry[]): void {
  for (const entry of entries) writeEntry(join(root, entry.path), entry);
  // Times last and from below: making something in a directory changes the directory's.
  for (const entry of [...entries].reverse()) lutimesSync(join(root, entry.path), 0, 0);
  chmodSync(root, 0o755);
  lutimesSync(root, 0, 0);
}
