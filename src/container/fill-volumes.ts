import { chmodSync, chownSync, closeSync, existsSync, readdirSync, utimesSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { rawPath } from "../core/raw-path.ts";
import { ownable } from "../core/rootless.ts";
import { Directory, type Pinned, resolution } from "../sys/directory.ts";
import { putOnHost } from "./archive/host.ts";
import { openStopped } from "./archive/view.ts";
import { walkInside } from "./archive/walk.ts";
import { inTurn } from "./in-turn.ts";
import type { ContainerRecord } from "./record.ts";
import type { MountRequest } from "./request.ts";
import { volumePath } from "./volume-path.ts";

type VolumeMount = Extract<MountRequest, { kind: "volume" }>;

function isEmpty(path: string): boolean {
  return readdirSync(path).length === 0;
}

/** False when no layer has anything where the path begins: then the image has nothing there, and need not be mounted. */
function mayHave(layers: readonly string[], target: string): boolean {
  const [, first = ""] = target.split("/");
  return layers.some((layer) => existsSync(join(layer, first)));
}

function findDirectory(root: Directory, target: string): Pinned | undefined {
  let found: Pinned;
  try {
    found = root.resolve(rawPath(target), resolution.inRoot, true);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
  if (found.stat.isDirectory()) return found;
  closeSync(found.fd);
  return undefined;
}

/** Gives an empty volume what the image has at its mount point: files, and owner, mode and time of the directory itself. */
async function fill(path: string, { fd, stat }: Pinned, note: (line: string) => void): Promise<void> {
  await putOnHost(rawPath(path), walkInside(new Directory(fd), ""), { archive: true, note });
  chownSync(path, ownable(stat.uid), ownable(stat.gid));
  chmodSync(path, stat.mode & 0o7777);
  utimesSync(path, stat.atime, stat.mtime);
}

/**
 * Fills the volumes of a container that is being made and does not run, which are empty, with what its image has where
 * they will be mounted. One that has anything in it stays as it is, and so does one that is mounted with `nocopy`.
 * @throws SetupError naming what could not be copied
 */
export async function fillVolumes(
  instance: Instance,
  record: ContainerRecord,
  mounts: readonly MountRequest[],
  say: (line: string) => void,
): Promise<void> {
  const wanted = mounts.filter(
    (mount): mount is VolumeMount =>
      mount.kind === "volume" &&
      mount.noCopy !== true &&
      mayHave(record.layers, mount.target) &&
      isEmpty(volumePath(instance, mount.name)),
  );
  if (wanted.length === 0) return;
  // By one at a time: who comes second finds them filled.
  await inTurn(instance, "volumes", async () => {
    const root = openStopped(instance, record, { volumes: false, writable: false });
    try {
      for (const { name, target } of wanted) {
        const path = volumePath(instance, name);
        const found = isEmpty(path) ? findDirectory(root.directory, target) : undefined;
        if (found !== undefined) await fill(path, found, (line) => say(`volume ${name}: ${line}`));
      }
    } finally {
      root.close();
    }
  });
}
