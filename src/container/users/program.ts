import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { boundDevices } from "../../../rootfs/devices.ts";
import { type OpenedSource, openSources } from "../../../rootfs/mounts.ts";
import { enterRoot, isolateMounts, mountOverlay } from "../../../rootfs/pivot.ts";
import type { IdMap } from "../../core/id-ranges.ts";
import type { OciMount, OciProcess, OciSpec } from "../../core/oci.ts";
import { chdir, close, open } from "../../program/calls/file.ts";
import { becomeUser, setCapabilities, setFileIds, setLimit } from "../../program/calls/identity.ts";
import { mount } from "../../program/calls/mount.ts";
import { joinNamespace, unshareNamespaces } from "../../program/calls/process.ts";
import { attachTree, cloneTree, idmapTree, openTarget } from "../../program/calls/tree.ts";
import { mountFlags, openFlags } from "../../program/flags.ts";
import type { ProgramBuilder, Step, StepRef } from "../../program/step.ts";
import { heldCapabilities } from "../../security/capabilities.ts";
import { ownHardLimits, rlimitNumber } from "../../security/rlimits.ts";
import { cloneFlags } from "../../sys/namespaces.ts";
import { awaitParent, dieWithMonitor, setOomScore } from "../command.ts";
import { inherited } from "../inherited.ts";

/** What the launcher prepares on the host for a container with users of its own. */
export interface UsersFacts {
  readonly ids: IdMap;
  readonly spec: OciSpec;
  readonly overlay: { readonly options: string; readonly cwd: string | undefined };
  /** The image's layers, and the directory of the writable one. */
  readonly directories: readonly string[];
  readonly isDirectory: (path: string) => boolean;
}

/** The mount option, podman's too, of a mount whose files belong to the container's users as they do on the disk. */
export const idmapOption = "idmap";

/**
 * The part of the launcher and of the child in a container with users of its own. The host's root makes in a mount
 * namespace of its own what takes it: it presents the layers by the container's users, mounts the overlay, opens the
 * volumes. The child is born in a copy of that, owns all its namespaces, and is nobody on the host.
 */
export class UsersProgram {
  readonly #facts: UsersFacts;
  readonly devices: readonly OciMount[];
  sources: ReadonlyMap<OciMount, OpenedSource> = new Map();
  #home: StepRef | undefined;
  readonly #ownScore = readFileSync("/proc/self/oom_score_adj", "utf8").trim();

  constructor(facts: UsersFacts) {
    this.#facts = facts;
    this.devices = boundDevices(facts.spec.linux.devices ?? []);
  }

  /** The process without what the launcher has done for it. */
  get process(): OciProcess {
    const { oomScoreAdj: _, ...rest } = this.#facts.spec.process;
    return rest;
  }

  /** Before the clone. */
  prepare(builder: ProgramBuilder): void {
    const { spec, overlay, directories, isDirectory, ids } = this.#facts;
    const add = (step: Step): StepRef => builder.add("launch", step);
    const label = "a mount namespace to prepare the container's root in";
    this.#home = add(open("/proc/self/ns/mnt", openFlags.O_RDONLY, { reason: "to come back", label }));
    this.#grant(builder);
    add(unshareNamespaces(cloneFlags.mount, label));
    isolateMounts(builder, "launch");
    const own = openSources(builder, spec.mounts, isDirectory, "launch");
    const containers = dirname(dirname(spec.root.path));
    for (const [item, { tree }] of own) {
      if (item.source?.startsWith(`${containers}/`) !== true && item.options?.includes(idmapOption) !== true)
        continue;
      add(idmapTree(tree, inherited.users, true, `show ${item.source} by the container's users`));
    }
    this.sources = new Map([...own, ...openSources(builder, this.devices, () => false, "launch")]);
    for (const directory of directories) this.#present(builder, directory);
    // What the overlay makes for itself, as its work directory, belongs to the container's root like all in it; the
    // capabilities that setfsuid(2) takes away are still permitted.
    add(setFileIds(ids.uid, ids.gid)[0]);
    add(setFileIds(ids.uid, ids.gid)[1]);
    const held = heldCapabilities();
    add(setCapabilities(held, held, 0n));
    mountOverlay(builder, spec.root.path, overlay.options, overlay.cwd, "launch");
    for (const step of setFileIds(0, 0)) add(step);
  }

  /** What takes a privilege on the host, and is inherited. More of a limit than the host's root has harms no monitor. */
  #grant(builder: ProgramBuilder): void {
    const { rlimits = [], oomScoreAdj } = this.#facts.spec.process;
    const own = ownHardLimits();
    for (const { type, soft, hard } of rlimits)
      if (hard > (own.get(type) ?? Number.POSITIVE_INFINITY))
        builder.add("launch", setLimit(rlimitNumber(type), type, soft, hard));
    if (oomScoreAdj !== undefined) setOomScore(builder, "launch", String(oomScoreAdj));
  }

  /** An idmapped mount of a directory, on that directory. */
  #present(builder: ProgramBuilder, directory: string): void {
    const label = `show ${directory} by the container's users (an idmapped mount: Linux 5.19 for overlays)`;
    const tree = builder.add(
      "launch",
      cloneTree(directory, false, label, "a mount of it that can be mapped"),
    );
    builder.add("launch", idmapTree(tree, inherited.users, false, label));
    const target = builder.add("launch", openTarget(directory, true, label));
    builder.add("launch", attachTree(tree, target, directory, label));
    builder.add("launch", close(target, "the mount holds it now"));
    builder.add("launch", close(tree, "attached"));
  }

  /** After the clone: the launcher, later the monitor, is back on the host, and holds nothing of it busy. */
  leave(builder: ProgramBuilder): void {
    const add = (step: Step): StepRef => builder.add("launch", step);
    if (this.#home === undefined) throw new Error("the launcher leaves before it has prepared");
    if (this.#facts.spec.process.oomScoreAdj !== undefined) setOomScore(builder, "launch", this.#ownScore);
    add(joinNamespace(this.#home, cloneFlags.mount, "the monitor is a process of the host"));
    add(chdir("/", "hold no directory of the host busy"));
    add(close(this.#home, "back"));
    for (const { tree } of this.sources.values()) add(close(tree, "the child has it"));
    add(close(inherited.users, "only mounts needed the mapping"));
  }

  /** In the child, in place of what it does on its own otherwise: into the root, then to be the container's root. */
  enter(builder: ProgramBuilder): void {
    // Until then nobody has a right to the directories of the root.
    awaitParent(builder, "until the ids are mapped");
    const { path } = this.#facts.spec.root;
    const flags = mountFlags.MS_BIND | mountFlags.MS_REC;
    const reason = "what came from the host's namespace is locked: a mount of its own can become the root";
    builder.add(
      "child",
      mount({ source: path, target: path, flags, reason, label: "bind the container's root" }),
    );
    enterRoot(builder, path);
    builder.addAll("child", becomeUser(0, 0, []));
    // The kernel forgets it when a process becomes another user (prctl(2)).
    builder.add("child", dieWithMonitor());
  }
}
