import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { SetupError, UsageError } from "../core/errors.ts";
import type { OciMount, OciSpec } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import { findContainer } from "./refresh.ts";
import type { NamespaceMode, NamespaceModes } from "./request.ts";
import { namespaceAnnotation } from "./spec.ts";
import { readSpec } from "./store.ts";

/** Namespaces of others that a container comes into. */
export interface JoinedNamespaces {
  /** Paths below /proc, by the OCI name of the namespace. */
  readonly paths: Readonly<Partial<Record<"pid" | "ipc" | "uts", string>>>;
  /** The modes, with containers by their whole id. */
  readonly modes: NamespaceModes;
  /** The host name that comes with the uts namespace. */
  readonly hostname?: string | undefined;
  /** /dev/shm as it is on the host, or in the container whose IPC is shared; undefined: one of its own, or none. */
  readonly shm?: OciMount | undefined;
}

interface Other {
  readonly id: string;
  readonly pid: number;
  readonly spec: OciSpec;
}

/** The running container that `flag` names. @throws UsageError */
function otherContainer(instance: Instance, flag: string, mode: NamespaceMode): Other | undefined {
  if (!mode.startsWith("container:")) return undefined;
  const { init, state, name, id } = findContainer(instance, mode.slice("container:".length));
  if (init === undefined || (state !== "running" && state !== "paused"))
    throw new UsageError(`${flag} ${mode}: container ${name} is not running: start it first`);
  return { id, pid: init.pid, spec: readSpec(instance, id) };
}

const shmOptions: readonly string[] = ["rw", "rprivate"];

function shmOf(ipc: NamespaceMode | undefined, other: Other | undefined): OciMount | undefined {
  const bound = (source: string): OciMount => ({
    destination: "/dev/shm",
    type: "bind",
    source,
    options: ["bind", ...shmOptions],
  });
  if (ipc === "host") return bound("/dev/shm");
  return other === undefined ? undefined : bound(`/proc/${other.pid}/root/dev/shm`);
}

/** As docker has it: only who was started with `--ipc shareable` (or shares itself) lets others in. */
function expectShareable(ipc: string, { spec }: Other): void {
  const theirs = spec.annotations?.[namespaceAnnotation("ipc")] ?? "private";
  if (theirs === "private" || theirs === "none")
    throw new UsageError(
      `--ipc ${ipc}: that container's IPC is ${theirs}: start it with --ipc shareable to let others in`,
    );
}

/**
 * Looks up what a request's namespace modes mean now.
 * @throws UsageError when a container that is to be joined does not run or does not share; SetupError when this kernel
 * has no time namespaces.
 */
export function joinNamespaces(instance: Instance, modes: NamespaceModes): JoinedNamespaces {
  const { pid, ipc, uts } = modes;
  const found = {
    pid: pid === undefined ? undefined : otherContainer(instance, "--pid", pid),
    ipc: ipc === undefined ? undefined : otherContainer(instance, "--ipc", ipc),
    uts: uts === undefined ? undefined : otherContainer(instance, "--uts", uts),
  };
  if (found.ipc !== undefined) expectShareable(ipc ?? "", found.ipc);
  if (modes.timeOffsets !== undefined) expectTimeNamespaces();
  const whole = (mode: NamespaceMode | undefined, other: Other | undefined): NamespaceMode | undefined =>
    other === undefined ? mode : `container:${other.id}`;
  const paths: Partial<Record<"pid" | "ipc" | "uts", string>> = {};
  for (const type of ["pid", "ipc", "uts"] as const) {
    const other = found[type];
    if (other !== undefined) paths[type] = `/proc/${other.pid}/ns/${type}`;
  }
  return {
    paths,
    modes: {
      ...modes,
      pid: whole(pid, found.pid),
      ipc: whole(ipc, found.ipc),
      uts: whole(uts, found.uts),
    },
    hostname: uts === "host" ? hostname() : found.uts?.spec.hostname,
    shm: shmOf(ipc, found.ipc),
  };
}

function expectTimeNamespaces(): void {
  try {
    readlinkSync("/proc/self/ns/time");
  } catch (cause) {
    throw new SetupError("--time-offset: this kernel has no time namespaces (CONFIG_TIME_NS, Linux 5.6)", {
      cause,
    });
  }
}
