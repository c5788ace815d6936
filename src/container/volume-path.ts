import { UsageError } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import type { RunRequest } from "./request.ts";

const volumeName: RegExp = /^[a-zA-Z0-9][\w.-]{0,127}$/;

/** The directory of all volumes. */
export function volumesFolder(instance: Instance): string {
  return join(instance.root, "volumes");
}

/** @throws UsageError for what cannot be the name of a volume; `from` is where it was said. */
export function checkVolumeName(name: string, from: string): void {
  if (volumeName.test(name)) return;
  throw new UsageError(
    `${from}: ${JSON.stringify(name)}: expected a name of letters, digits, _ . and -, beginning with a letter or digit`,
  );
}

/** Where the files of a volume are, as docker has them: in `_data`. @throws UsageError */
export function volumePath(instance: Instance, name: string): string {
  checkVolumeName(name, "--volume");
  return join(volumesFolder(instance), name, "_data");
}

/** A volume that nobody gave a name has 64 hex digits for one, and goes with its container. */
export function isAnonymous(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}

/** Whether a container has volumes that go with it. */
export function hasAnonymousVolume({ mounts }: Pick<RunRequest, "mounts">): boolean {
  return mounts.some((mount) => mount.kind === "volume" && isAnonymous(mount.name));
}
