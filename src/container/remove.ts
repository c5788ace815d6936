import { thaw } from "../../cgroup/freeze.ts";
import { detectCgroups } from "../../cgroup/host.ts";
import { removeCgroup } from "../../cgroup/remove.ts";
import { releaseLease } from "../../net/ipam.ts";
import { unpublish } from "../../net/ports/publish.ts";
import { removeLayers } from "../../overlay/prepare.ts";
import { ConflictError, hasErrno, SetupError, UsageError } from "../core/errors.ts";
import type { OciMount } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import { UndoStack } from "../core/undo.ts";
import { signalProcess } from "../sys/pidfd.ts";
import { isAlive, type ProcessIdentity } from "../sys/process.ts";
import { releaseMonitor, removeLinks } from "./collect.ts";
import type { ContainerRecord } from "./record.ts";
import { isLive } from "./refresh.ts";
import { releaseLevel } from "./selinux/claim.ts";
import { markStop } from "./stop-mark.ts";
import { containerPaths, readSpec, releaseAnyName, removeContainerFiles } from "./store.ts";
import { removeAnonymousVolumes } from "./volumes.ts";

const SIGTERM = 15;
const SIGKILL = 9;
/** How long the kernel may take to end all processes of a killed pid namespace. */
const endingMs = 10_000;

/** Waits until the processes that a signal was sent to are gone. */
async function awaitEnd(
  name: string,
  signal: NodeJS.Signals,
  processes: readonly (ProcessIdentity | undefined)[],
): Promise<void> {
  const deadline = Date.now() + endingMs;
  for (;;) {
    const left = processes.find((process) => process !== undefined && isAlive(process));
    if (left === undefined) return;
    if (Date.now() > deadline) {
      throw new SetupError(`container ${name} does not end after ${signal}: see ps -p ${left.pid}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The mounts of a container, of which there are none while it has no document. */
function mountsOf(instance: Instance, id: string): readonly OciMount[] {
  try {
    return readSpec(instance, id).mounts;
  } catch (error) {
    if (error instanceof SetupError) return [];
    throw error;
  }
}

/** Removes everything of a container that no longer runs: kernel objects first, its record last. */
export async function removeTraces(
  instance: Instance,
  record: ContainerRecord,
  { volumes }: { readonly volumes: boolean },
): Promise<void> {
  const undo = new UndoStack();
  const { id } = record;
  const mounts = volumes ? mountsOf(instance, id) : [];
  undo.push("record", () => removeContainerFiles(instance, id));
  undo.push("level of SELinux", () => releaseLevel(instance, id));
  undo.push("name", () => releaseAnyName(instance, record));
  undo.push("anonymous volumes", () => removeAnonymousVolumes(instance, mounts, id));
  undo.push("writable layer", () => removeLayers(containerPaths(instance, id).directory));
  const { cgroup } = record;
  if (cgroup !== undefined) undo.push("cgroup", () => removeCgroup(detectCgroups(), cgroup));
  if (record.network.kind === "bridge") {
    for (const { network } of record.network.attachments) {
      undo.push(`lease on ${network}`, () => releaseLease(instance, { name: network }, id));
    }
  }
  undo.push("links", () => removeLinks(instance, record));
  undo.push("published ports", () => unpublish(instance, id));
  await undo.unwind();
}

export interface RemoveOptions {
  /** Kill it first if it runs. */
  readonly force: boolean;
  /** Its volumes without a name go too. */
  readonly volumes?: boolean | undefined;
}

/**
 * Removes a container. A running one is refused unless `force`, which kills it first; one that is still being made is
 * then given up by its maker.
 * @throws UsageError when it runs; SetupError when it does not end, or listing what could not be removed.
 */
export async function removeContainer(
  instance: Instance,
  record: ContainerRecord,
  { force, volumes = false }: RemoveOptions,
): Promise<void> {
  if (record.state === "restarting" && !force) {
    throw new ConflictError(`container ${record.name} is restarting: stop it first, or use mdocker rm -f`);
  }
  if (isLive(record)) {
    if (!force)
      throw new UsageError(`container ${record.name} is running: stop it first, or use mdocker rm -f`);
    const { name, init, monitor, owner, cgroup } = record;
    if (init === undefined && owner !== undefined && isAlive(owner)) {
      // Still being made: whoever makes it takes everything back when told to end.
      signalProcess(owner, SIGTERM);
      await awaitEnd(name, "SIGTERM", [owner]);
    } else {
      // Nobody shall start it again.
      try {
        markStop(instance, record.id, { signal: SIGKILL, killed: true });
      } catch (error) {
        // What is to go makes room again.
        if (!hasErrno(error, "ENOSPC", "EDQUOT")) throw error;
      }
      if (init !== undefined) signalProcess(init, SIGKILL);
      if (cgroup !== undefined) thaw(detectCgroups(), cgroup);
      if (!record.foreground) releaseMonitor(instance, record.id);
      // Pid 1 ends last, the monitor after it.
      await awaitEnd(name, "SIGKILL", [init, monitor]);
    }
  }
  if (!record.foreground) {
    releaseMonitor(instance, record.id);
    await awaitEnd(record.name, "SIGKILL", [record.monitor]);
  }
  await removeTraces(instance, record, { volumes });
}
