import { realpathSync, statSync } from "node:fs";
import { resolveImage } from "../../rootfs/image-store.ts";
import { UsageError } from "../core/errors.ts";
import { mountPoints } from "../core/mount-points.ts";
import type { Instance } from "../core/paths.ts";
import { pathText, rawPath } from "../core/raw-path.ts";
import { isRootless } from "../core/rootless.ts";
import type { RootRequest } from "./request.ts";

/** A root filesystem to start from, and what it says about its use. */
export interface FoundRoot {
  readonly name: string;
  /** Lowest first. */
  readonly layers: readonly string[];
  readonly config: {
    readonly env: readonly string[];
    readonly cmd: readonly string[];
    readonly entrypoint: readonly string[];
    readonly cwd: string;
    readonly user: string;
    readonly stopSignal?: string | undefined;
    /** `80/tcp`, `53/udp`. */
    readonly exposed?: readonly string[] | undefined;
  };
}

/** The store has no such image. */
export class MissingImageError extends UsageError {
  constructor(reference: string) {
    super(
      `no image ${reference}: see mdocker image ls; the default image is made by mdocker image create, and --rootfs DIR takes any unpacked root`,
    );
  }
}

/**
 * Who did not make a mount may not take a copy of what is below it apart: overlayfs refuses such a layer with EINVAL
 * (fs/namespace.c clone_private_mount, has_locked_children).
 * @throws UsageError
 */
function refuseMounts(directory: string): void {
  const path = rawPath(directory);
  const above = path === "/" ? "/" : `${path}/`;
  const below = mountPoints().find((place) => place.startsWith(above) && place !== path);
  if (below !== undefined)
    throw new UsageError(
      `--rootfs: ${directory}: ${pathText(below)} is mounted below it, which only root may hide: take a directory without mounts, or use sudo`,
    );
}

/**
 * Finds the image in the store, or the directory of --rootfs.
 * @throws UsageError when there is none, with what to do.
 */
export function findRoot(instance: Instance, root: RootRequest): FoundRoot {
  if (root.kind === "directory") {
    const about = statSync(root.path, { throwIfNoEntry: false });
    if (about === undefined) throw new UsageError(`--rootfs: ${root.path}: no such directory`);
    if (!about.isDirectory())
      throw new UsageError(`--rootfs: ${root.path}: expected a directory with an unpacked root filesystem`);
    const layer = realpathSync(root.path);
    if (isRootless()) refuseMounts(layer);
    return {
      name: root.path,
      layers: [layer],
      config: { env: [], cmd: ["/bin/sh"], entrypoint: [], cwd: "/", user: "" },
    };
  }
  const image = resolveImage(instance, root.reference);
  if (image === undefined) {
    throw new MissingImageError(root.reference);
  }
  const { Env, Cmd, Entrypoint, WorkingDir, User, StopSignal, ExposedPorts } = image.config;
  return {
    name: image.reference,
    layers: image.layers,
    config: {
      env: Env,
      cmd: Cmd,
      entrypoint: Entrypoint,
      cwd: WorkingDir,
      user: User,
      stopSignal: StopSignal,
      exposed: ExposedPorts,
    },
  };
}
