import { join } from "../../core/join.ts";
import type { Instance } from "../../core/paths.ts";
import { readContainerContexts, sharedLabel } from "../../security/selinux.ts";
import type { RunRequest } from "../request.ts";
import { containerPaths } from "../store.ts";
import { volumePath } from "../volume-path.ts";
import { hasType, relabel } from "./relabel.ts";

/** What is to be labelled. */
export interface LabelledFiles {
  readonly instance: Instance;
  readonly id: string;
  readonly mounts: RunRequest["mounts"];
  readonly layers: readonly string[];
  /** The label of the container's files. */
  readonly mount: string;
}

function ensureType(path: string, label: string): void {
  if (!hasType(path, label)) relabel(path, label);
}

/**
 * Gives the files that are bound into a container the label that its processes may use: its own /etc/hosts and the like,
 * volumes, which every container may have, and what was asked for with `z` (every container) and `Z` (this one alone).
 * The layers of images get theirs once: the context of the overlay is not what the kernel goes by when memory that a file
 * is mapped to is protected (ovl_mmap hands the layer's own file on). @throws SetupError
 */
export function labelFiles({ instance, id, mounts, layers, mount }: LabelledFiles): void {
  const shared = sharedLabel(mount);
  const { etc, directory } = containerPaths(instance, id);
  const ofLayers = readContainerContexts()?.layers ?? shared;
  // A directory of the user's is left as it is.
  for (const layer of layers) if (layer.startsWith(`${instance.root}/`)) ensureType(layer, ofLayers);
  relabel(join(directory, "upper"), mount);
  // Whoever shares the network of this one shares them, too.
  for (const name of ["hosts", "hostname", "resolv.conf"]) relabel(join(etc, name), shared);
  for (const item of mounts) {
    if (item.kind === "volume") ensureType(volumePath(instance, item.name), shared);
    else if (item.kind === "bind" && item.relabel !== undefined)
      relabel(item.source, item.relabel === "private" ? mount : shared);
  }
}
