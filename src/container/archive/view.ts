import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { type OverlayPlan, planOverlay, readOnlyOptions } from "../../../overlay/layers.ts";
import { prepareLayers } from "../../../overlay/prepare.ts";
import { volatileMarks } from "../../../overlay/volatile.ts";
import { bindMount, openSources } from "../../../rootfs/mounts.ts";
import { enterRoot, freezeRoot, isolateMounts, mountOverlay } from "../../../rootfs/pivot.ts";
import { SetupError } from "../../core/errors.ts";
import type { OciMount } from "../../core/oci.ts";
import type { Instance } from "../../core/paths.ts";
import { chdir, close, open } from "../../program/calls/file.ts";
import { setUmask } from "../../program/calls/identity.ts";
import { clone, joinNamespace, prctl, setName, setSignalMask } from "../../program/calls/process.ts";
import { becomeRoot, cloneRoot } from "../../program/calls/tree.ts";
import { openFlags } from "../../program/flags.ts";
import { type Program, ProgramBuilder } from "../../program/step.ts";
import { Directory } from "../../sys/directory.ts";
import { cloneFlags } from "../../sys/namespaces.ts";
import { removeAt } from "../after.ts";
import { inherited } from "../inherited.ts";
import { abandon, awaitChild, LaunchError, launch } from "../launch.ts";
import type { ContainerRecord } from "../record.ts";
import { containerPaths, readSpec } from "../store.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;
const AT_FDCWD = -100;

/** The files of a container as its processes see them, open. */
export interface OpenRoot {
  readonly directory: Directory;
  /** Lets go of it; may be called twice. */
  readonly close: () => void;
}

/** Closes descriptors, once. */
export function closeAll(fds: number[]): void {
  for (const fd of fds.splice(0)) closeSync(fd);
}

/** A program whose child stays behind with the mounts that `fill` makes, in namespaces of its own. */
function viewProgram(fill: (builder: ProgramBuilder) => void): Program {
  const builder = new ProgramBuilder();
  builder.addAll("launch", [
    setSignalMask(true, "no signal may end it before its time"),
    setName("mdocker-monitor"),
    chdir("/", "hold no directory of the host busy"),
    clone({
      flags: cloneFlags.mount | cloneFlags.pid,
      target: "child",
      cgroupFd: undefined,
      reason: "mounts of its own, which go when nobody looks at them any more",
    }),
  ]);
  for (const fd of [0, 1, 2, 3, inherited.sync, inherited.record])
    builder.add("launch", close(fd, "only the control stream is needed"));
  builder.addAll("child", [
    close(inherited.control, "only the monitor speaks on it"),
    close(inherited.record, "there is no exit record"),
    close(3, "the program is mapped"),
    prctl(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", [SIGKILL], "no mounts without whom they are made for"),
    setName("mdocker-view"),
    setUmask(0, "modes of what is made here are exact"),
  ]);
  fill(builder);
  const { control, sync } = inherited;
  return builder.build({ init: true, hangupKills: true, controlFd: control, syncFd: sync });
}

/**
 * Runs a view program and opens what it has as root. The namespace lives on in the descriptors alone: nothing of it is in
 * the host's mount table, and all of it goes with us, however we end.
 */
function openView(program: Program, runDirectory: string): OpenRoot {
  const nothing = openSync("/dev/null", "r+");
  const opened: number[] = [];
  try {
    const launched = launch(program, { runDirectory, stdio: [nothing, nothing, nothing], traced: false });
    try {
      const child = awaitChild(launched, program);
      // The end of this stream says that all mounts are made.
      const message = launched.sync.receive();
      if (message?.kind === "failed") throw new LaunchError(program, message);
      opened.push(openSync(`/proc/${child.pid}/ns/mnt`, "r"));
      const directory = Directory.host(`/proc/${child.pid}/root`);
      opened.push(directory.fd);
      return { directory, close: () => closeAll(opened) };
    } finally {
      abandon(launched, program);
    }
  } catch (error) {
    closeAll(opened);
    throw error;
  } finally {
    closeSync(nothing);
  }
}

/** The mounts of a container that does not run: those that have a source on the host. None shares events. */
function standingMounts(mounts: readonly OciMount[]): OciMount[] {
  return mounts
    .filter(({ type, source }) => type === "bind" && source !== undefined && existsSync(source))
    .map((mount) => ({
      ...mount,
      options: (mount.options ?? []).filter((option) => !/^r?(private|shared|slave)$/.test(option)),
    }));
}

/** How the files of a container that does not run are looked at. */
export interface StoppedOptions {
  /** With what is bound into it. */
  readonly volumes: boolean;
  /** For writing: by one at a time, see {@link layerLock}. */
  readonly writable: boolean;
}

/**
 * Who has this file locked, the document, which is there anyway, may mount the layer of a container for writing: a second
 * mount would disturb the first.
 */
export function layerLock(instance: Instance, id: string): string {
  return containerPaths(instance, id).spec;
}

/** Mounts the layers so that they can be written to, and leaves no trace of that in them. */
function mountWritable(builder: ProgramBuilder, overlay: OverlayPlan): void {
  mountOverlay(builder, overlay.merged, overlay.options, overlay.cwd);
  volatileMarks(overlay.work).forEach((path, i) => {
    const step = removeAt(AT_FDCWD, path, i > 0, "the layer can be mounted again, however this ends");
    builder.add("child", { ...step, tolerate: ["ENOENT"] });
  });
}

/**
 * The root of a container that does not run, made for this look: its overlay and, with `volumes`, what is bound into it.
 * @throws SetupError naming what could not be mounted: read-only, that may be for want of a place to mount on.
 */
export function openStopped(instance: Instance, record: ContainerRecord, options: StoppedOptions): OpenRoot {
  const { directory } = containerPaths(instance, record.id);
  if (!existsSync(`${directory}/upper`))
    throw new SetupError(`container ${record.name} has no files: it is only being made, or was not kept`);
  const spec = readSpec(instance, record.id);
  // Volatile: else the kernel would write out the whole filesystem when we let go, and us wait for it.
  const overlay = planOverlay({ lowers: record.layers, directory, ephemeral: true });
  if (options.writable) prepareLayers(overlay);
  const program = viewProgram((builder) => {
    isolateMounts(builder);
    if (options.writable) mountWritable(builder, overlay);
    else mountOverlay(builder, overlay.merged, readOnlyOptions(overlay), overlay.cwd);
    const mounts = options.volumes ? standingMounts(spec.mounts) : [];
    const sources = openSources(builder, mounts, (path) => statSync(path).isDirectory());
    enterRoot(builder, overlay.merged);
    for (const [mount, opened] of sources)
      bindMount(builder, mount, opened, mount.source?.startsWith(`${directory}/`) !== true);
    if (options.writable && spec.root.readonly === true) freezeRoot(builder);
  });
  return openView(program, directory);
}

/**
 * The root of a running container without anything that is mounted in it.
 * @throws SetupError, also when it ends meanwhile.
 */
export function openBare(instance: Instance, record: ContainerRecord, pid: number): OpenRoot {
  const program = viewProgram((builder) => {
    const path = `/proc/${pid}/ns/mnt`;
    const reason = "the mounts of the container";
    const namespace = builder.add("child", open(path, openFlags.O_RDONLY, { reason, label: `open ${path}` }));
    builder.add("child", joinNamespace(namespace, cloneFlags.mount, reason));
    const tree = builder.add("child", cloneRoot());
    builder.addAll("child", becomeRoot(tree));
  });
  return openView(program, containerPaths(instance, record.id).directory);
}
