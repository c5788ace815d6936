import { readFileSync } from "node:fs";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { seccompFilter } from "../security/seccomp/cache.ts";
import type { ContainerRecord } from "./record.ts";
import { containerPaths } from "./store.ts";

/** In a container's directory: its compiled filter, where that is not of the default profile. */
export const seccompFile = "seccomp.bpf";

/** Whether a profile of this name is a user's own: it may be another, or gone, when its filter is needed again. */
export function isOwnProfile(name: string): boolean {
  return name !== "default";
}

/** The filter of a running container, for one more command in it with the bounding set `caps`. */
export function seccompOf(
  instance: Instance,
  { id, seccomp: name = "default" }: ContainerRecord,
  caps: readonly string[],
): { readonly filter: Uint8Array; readonly name: string } | undefined {
  if (name === "unconfined") return undefined;
  const filter = isOwnProfile(name)
    ? readFileSync(join(containerPaths(instance, id).directory, seccompFile))
    : seccompFilter(instance, { kind: "default" }, caps).program;
  return { filter, name };
}
