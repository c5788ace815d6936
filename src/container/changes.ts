import { diffLayers, type LayerChange } from "../../overlay/diff.ts";
import type { Instance } from "../core/paths.ts";
import type { ContainerRecord } from "./record.ts";
import { containerPaths, readSpec } from "./store.ts";

/**
 * What a container has changed of its image, sorted by path, running or not; what mdocker itself made to mount on does
 * not count.
 * @throws SetupError when its document or its layers are not there.
 */
export function containerChanges(instance: Instance, { id, layers }: ContainerRecord): LayerChange[] {
  const places = readSpec(instance, id).mounts.map(({ destination }) => destination);
  return diffLayers(`${containerPaths(instance, id).directory}/upper`, layers, places);
}
