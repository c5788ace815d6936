import { closeSync, existsSync, mkdirSync, openSync, unlinkSync, writeFileSync } from "node:fs";
import { type CgroupAction, performCgroup } from "../../cgroup/action.ts";
import { removeCgroup } from "../../cgroup/remove.ts";
import { ensureNetwork } from "../../net/bring-up.ts";
import { namesAddresses } from "../../net/dns/sockets.ts";
import { configureLoopback, connectEndpoint, type Endpoint, planEndpoint } from "../../net/endpoint.ts";
import { acquireLease, releaseLease } from "../../net/ipam.ts";
import { hasBridge, type LiveNetwork } from "../../net/network.ts";
import type { Lease } from "../../net/pool.ts";
import type { Reservation } from "../../net/ports/reserve.ts";
import { portsFile } from "../../net/state.ts";
import { prepareLayers, removeLayers } from "../../overlay/prepare.ts";
import { hostnameFile, hostsFile, readHostHosts, readHostResolvConf, resolvConf } from "../../rootfs/etc.ts";
import { isoTime } from "../core/clock.ts";
import { SetupError } from "../core/errors.ts";
import type { Observer } from "../core/explain.ts";
import type { IdMap } from "../core/id-ranges.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { isRootless } from "../core/rootless.ts";
import type { UndoStack } from "../core/undo.ts";
import { formatBytes } from "../core/units.ts";
import { writeFile } from "../core/write-file.ts";
import { bootId, identify, ourselves } from "../sys/process.ts";
import { receiveWithFd, sendWithFd } from "../sys/socket.ts";
import { copyWindowSize } from "../sys/tty.ts";
import { addressesOf, endpointRecord } from "./endpoint-record.ts";
import { holdNames } from "./hold-names.ts";
import { namesOf } from "./host-names.ts";
import type { Interruption } from "./interruption.ts";
import { noteLateCgroups } from "./late-cgroups.ts";
import { abandon, awaitChild, LaunchError, type Launched, launch } from "./launch.ts";
import { freeAbandonedName } from "./orphans.ts";
import { awaitMessage, endMonitor } from "./patience.ts";
import type { Prepared } from "./prepared.ts";
import { publicationOf } from "./publishing.ts";
import type { ContainerRecord } from "./record.ts";
import { isOwnProfile, seccompFile } from "./seccomp-file.ts";
import { sharesProcesses } from "./spec.ts";
import type { Connection, StartStep } from "./step.ts";
import {
  containerPaths,
  readRecord,
  releaseAnyName,
  removeContainerFiles,
  reserveContainer,
  writeRecord,
  writeRunningRecord,
  writeSpec,
} from "./store.ts";
import { hasAnonymousVolume } from "./volume-path.ts";

/** A start under way: what the steps so far have brought. */
export interface Start {
  readonly prepared: Prepared;
  /** What goes when the container has ended: processes, cgroup, addresses. */
  readonly running: UndoStack;
  /** What stays with --keep: record, name, writable layer. */
  readonly kept: UndoStack;
  /** What goes only when the start fails: what the user was promised of a started container. */
  readonly failing: UndoStack;
  readonly observer: Observer | undefined;
  /** Undefined for a start that no signal interrupts. */
  readonly interruption?: Interruption | undefined;
  readonly stdio: readonly [number, number, number];
  /** What the monitor of a detached container keeps open. */
  readonly held?: readonly number[] | undefined;
  record: ContainerRecord | undefined;
  launched: Launched | undefined;
  /** By the number of the interface. */
  readonly leases: Lease[];
  /** Ports of the host that are the container's own. */
  reservation?: Reservation | undefined;
  readonly networks: LiveNetwork[];
  readonly endpoints: Endpoint[];
  /** The outer end of the container's terminal. */
  terminal: number | undefined;
}

function launchedOf(start: Start): Launched {
  if (start.launched === undefined) throw new Error("the plan connects before it launches");
  return start.launched;
}

function recordOf(start: Start): ContainerRecord {
  if (start.record === undefined) throw new Error("the plan goes on before it reserves");
  return start.record;
}

/** The record of a container that is being made. */
export function draftRecord({ instance, id, request, ...prepared }: Prepared): ContainerRecord {
  return {
    version: 1,
    id,
    name: "",
    image: prepared.image,
    layers: prepared.layers,
    command: prepared.spec.process.args,
    created: isoTime(),
    labels: request.labels,
    state: "creating",
    foreground: request.detached !== true,
    keep: request.keep,
    bootId: bootId(),
    owner: identify(process.pid),
    cgroup: prepared.cgroup.path,
    network: request.network,
    endpoints: [],
    ...(prepared.exposed.length > 0 ? { exposed: prepared.exposed } : {}),
    resources: request.resources,
    stopSignal: prepared.stopSignal,
    stopTimeout: request.stopTimeout,
  };
}

async function reserve(start: Start): Promise<void> {
  const { prepared, kept } = start;
  const { instance, id, request } = prepared;
  if (request.name !== undefined) await freeAbandonedName(instance, request.name);
  if (prepared.spec.process.selinuxLabel !== undefined)
    kept.push("level of SELinux", async () => {
      const { releaseLevel } = await import("./selinux/claim.ts");
      releaseLevel(instance, id);
    });
  kept.push("container directory", () => removeContainerFiles(instance, id));
  start.record = reserveContainer(instance, request.name, draftRecord(prepared));
  const { record } = start;
  kept.push("container name", () => releaseAnyName(instance, record));
}

/** Only where systemd manages the tree there is more to it. */
async function makeCgroup(action: CgroupAction): Promise<void> {
  if (action.op !== "make" || action.scope === undefined) return performCgroup(action);
  const { withScope } = await import("../../cgroup/scope.ts");
  return withScope(action.mountPoint, action.scope, () => performCgroup(action));
}

/** The files that are bound into the container, with what is known already; /etc/hosts gets the address later. */
function writeFiles(start: Start): void {
  const { instance, id, request, spec, seccomp, cgroup } = start.prepared;
  const { etc } = containerPaths(instance, id);
  writeSpec(instance, id, spec);
  // What outlives init is not the monitor's to kill: it keeps the cgroup, which mdocker ends and removes.
  // And what it was promised goes with it: the cgroups above have to know.
  if (sharesProcesses(spec) || cgroup.actions.some(({ op }) => op === "protect"))
    noteLateCgroups(instance, id);
  if (seccomp !== undefined && isOwnProfile(seccomp.name))
    writeFile(join(etc, seccompFile), seccomp.filter, 0o600);
  const hostNetwork = request.network.kind === "host";
  const own = start.prepared.connections.flatMap(({ network }) => namesAddresses(network).slice(0, 1))[0];
  const resolvers = resolvConf({ ...request, host: readHostResolvConf(), hostNetwork, own });
  writeFile(join(etc, "hostname"), hostnameFile(spec.hostname ?? ""), 0o644);
  writeFile(join(etc, "resolv.conf"), resolvers, 0o644);
  writeFile(join(etc, "hosts"), "", 0o644);
  const { cidFile } = request;
  if (cidFile !== undefined) {
    // "x": should it have appeared meanwhile, it is somebody else's.
    writeFileSync(cidFile, id, { flag: "wx" });
    start.failing.push(`--cidfile ${cidFile}`, () => unlinkSync(cidFile));
  }
  if (hasAnonymousVolume(request))
    start.kept.push("anonymous volumes", async () => {
      const { removeAnonymousVolumes } = await import("./volumes.ts");
      removeAnonymousVolumes(instance, spec.mounts, id);
    });
  for (const directory of start.prepared.directories) mkdirSync(directory, { recursive: true, mode: 0o755 });
}

/** Only a host with SELinux has labels. */
async function labelOwnFiles({ prepared }: Start): Promise<void> {
  const { mountLabel: mount } = prepared.spec.linux;
  if (mount === undefined) return;
  const { labelFiles } = await import("./selinux/files.ts");
  labelFiles({ ...prepared, mounts: prepared.request.mounts, mount });
}

/** A container that was created has had its volumes filled then. */
async function fillNewVolumes({ prepared: { instance, request }, record }: Start): Promise<void> {
  if (
    record === undefined ||
    request.detached === true ||
    !request.mounts.some(({ kind }) => kind === "volume")
  )
    return;
  const { fillVolumes } = await import("./fill-volumes.ts");
  await fillVolumes(instance, record, request.mounts, () => undefined);
}

/** A mapping for the launcher's mounts; the ids are the container's until it has ended. */
async function openUsers({ prepared: { instance, id }, running }: Start, ids: IdMap): Promise<number> {
  const { releaseIds } = await import("./users/range.ts");
  running.push("ids of its users", () => releaseIds(instance, id));
  return (await import("./users/namespace.ts")).openMapping(instance, ids);
}

/** The child has waited for that: from here on it is root in its own namespaces, and nobody on the host. */
async function mapIds(start: Start, ids: IdMap, child: number): Promise<void> {
  const { passIds } = await import("./users/range.ts");
  const { mapUsers } = await import("./users/namespace.ts");
  const { instance, id } = start.prepared;
  const { monitor, sync } = launchedOf(start);
  passIds(instance, id, monitor);
  mapUsers(child, ids);
  sync.go();
}

async function launchContainer(start: Start): Promise<void> {
  const { prepared, running } = start;
  const { instance, id, program, cgroup } = prepared;
  const { ids } = start.prepared;
  const mapping = ids === undefined ? undefined : await openUsers(start, ids);
  running.push("container process", async () => {
    if (start.launched === undefined) return;
    await endMonitor(start.launched, program, start.interruption);
    abandon(start.launched, program);
  });
  start.launched = launch(program, {
    runDirectory: containerPaths(instance, id).run,
    cgroupDirectory: cgroup.directory,
    stdio: start.stdio,
    mapping,
    held: [...(start.held ?? []), ...(start.reservation?.sockets ?? [])],
    traced: start.observer !== undefined,
  });
  if (mapping !== undefined) closeSync(mapping);
  // The monitor has them: the ports are the container's own as long as it lives, whatever becomes of us.
  if (!isRootless()) closePorts(start);
}

/** Closes what we hold of the reserved ports. */
function closePorts(start: Start): void {
  const { reservation } = start;
  if (reservation === undefined) return;
  start.reservation = { ...reservation, sockets: [] };
  for (const socket of reservation.sockets) closeSync(socket);
}

async function takePorts(start: Start): Promise<void> {
  const { prepared, running } = start;
  const { instance, id, publishing } = prepared;
  const { reservePorts } = await import("../../net/ports/reserve.ts");
  running.push("published ports", async () => {
    closePorts(start);
    (await import("../../net/ports/publish.ts")).unpublish(instance, id);
  });
  start.reservation = reservePorts(instance, {
    container: id,
    owner: ourselves(),
    mappings: publishing?.mappings ?? [],
    nameOf: (container) => nameOf(instance, container),
  });
}

/** The name of a container, for an error; undefined for one that has none to tell. */
function nameOf(instance: Instance, container: string): string | undefined {
  try {
    return readRecord(instance, container)?.name;
  } catch {
    return undefined;
  }
}

async function publishPorts(start: Start): Promise<void> {
  const { prepared, reservation, observer } = start;
  const { instance, id, publishing } = prepared;
  const endpoint = start.endpoints.find(({ network }) => network === publishing?.connection.network.name);
  if (publishing === undefined || reservation === undefined || endpoint === undefined)
    throw new Error("the plan publishes without a reservation or a connection");
  const { publish } = await import("../../net/ports/publish.ts");
  const { network } = publishing.connection;
  const publication = publicationOf(id, endpoint, reservation.ports);
  const owner = launchedOf(start).monitor;
  publish(instance, { network, publication, owner }, observer);
  if (!isRootless()) return;
  const { startRelays } = await import("./relays.ts");
  const { address, address6 } = publication;
  const relayed = reservation.ports.flatMap((port, at) => {
    const socket = reservation.sockets[at];
    return socket === undefined ? [] : [{ port, socket, address, address6 }];
  });
  startRelays(relayed, owner);
  closePorts(start);
}

async function lease(start: Start, { network, attachment, number }: Connection): Promise<void> {
  const { prepared, running } = start;
  const { instance, id, request, spec } = prepared;
  running.push(`lease on ${network.name}`, () => releaseLease(instance, network, id));
  // The monitor's: it lives as long as the container does, and we know it before the child is born.
  const owner = launchedOf(start).monitor;
  const taken = await acquireLease(instance, network, {
    container: id,
    owner,
    address: attachment.address,
    address6: attachment.address6,
    names: namesOf({ id, name: recordOf(start).name }, spec.hostname, attachment.aliases),
    servers: request.dns.length > 0 ? request.dns : undefined,
  });
  start.leases[number] = taken;
  // Of one who had the address, and was killed, with all that would have taken it back.
  if (existsSync(portsFile(instance))) {
    const { releaseAddresses } = await import("../../net/ports/publish.ts");
    releaseAddresses(instance, { ...taken, network: network.name, container: id });
  }
}

/** @throws SetupError when the child is no more: the kernel may have killed it for want of memory. */
function openNetns({ prepared }: Start, pid: number): number {
  try {
    return openSync(`/proc/${pid}/ns/net`, "r");
  } catch (cause) {
    const limit = prepared.request.resources.memory?.limit;
    const hint = limit ? `: ${formatBytes(limit)} (--memory) may be too little for it` : "";
    throw new SetupError(`the container's first process was killed while it was made${hint}`, { cause });
  }
}

/** Runs `act` with the network namespace of the waiting child open. */
function withNetns(start: Start, act: (netns: number) => void): void {
  const { pid } = awaitChild(launchedOf(start), start.prepared.program);
  const netns = openNetns(start, pid);
  try {
    act(netns);
  } finally {
    closeSync(netns);
  }
}

function connect(start: Start, { attachment, number, routes }: Connection): void {
  const { instance, id } = start.prepared;
  const live = start.networks[number];
  const lease = start.leases[number];
  if (live === undefined || lease === undefined)
    throw new Error("the plan connects without a lease or network");
  const endpoint = planEndpoint({
    ...{ instance, live, container: id, number, routes },
    ...{ address: lease.address, address6: lease.address6, announce: lease.announce },
    ...{ ifname: attachment.ifname, mac: attachment.mac, linkLocal: attachment.linkLocal },
    holder: launchedOf(start).child,
  });
  // No undo: both ends go with the namespace of the child, and far sooner than a message could remove them.
  withNetns(start, (netns) => connectEndpoint(endpoint, netns, start.observer));
  start.endpoints.push(endpoint);
}

function writeHosts(start: Start): void {
  const { instance, id, request, spec } = start.prepared;
  // Of a network that the host is not on, the gateway is another machine.
  const router = start.endpoints.find((one) => one.gateway !== undefined && hasBridge(one));
  const content = hostsFile({
    hostname: spec.hostname ?? "",
    addresses: start.endpoints.flatMap(addressesOf),
    extraHosts: request.extraHosts,
    gateway: router?.gateway,
    host: request.network.kind === "host" ? readHostHosts() : undefined,
  });
  // In place: the container has this very file bound, a renamed one would be another.
  writeFile(join(containerPaths(instance, id).etc, "hosts"), content, 0o644);
}

function recordRunning(start: Start): void {
  const { monitor, child } = launchedOf(start);
  start.record = {
    ...recordOf(start),
    state: "running",
    exit: undefined,
    monitor,
    init: child,
    started: isoTime(),
    seccomp: start.prepared.seccomp?.name ?? "unconfined",
    ports: start.reservation?.ports,
    users: start.prepared.ids,
    endpoints: start.endpoints.map(endpointRecord),
  };
  const { instance, request } = start.prepared;
  // What is kept must be known for what it is after a power failure too: without this it would seem half made.
  if (request.keep && request.detached !== true) writeRecord(instance, start.record);
  else writeRunningRecord(instance, start.record);
}

/** Lets the child go on to the command and waits until execve has happened. */
async function go(start: Start): Promise<void> {
  const { program, spec, request } = start.prepared;
  const { control, sync } = launchedOf(start);
  if (spec.process.terminal === true) {
    await awaitMessage(sync, start.interruption);
    const { bytes, fd } = receiveWithFd(sync.fd, 1);
    if (fd === undefined) {
      const failure = sync.receive(bytes);
      if (failure?.kind === "failed") throw new LaunchError(program, failure);
      throw new SetupError("the container ended before it had a terminal");
    }
    start.terminal = fd;
    if (request.detached === true) sendWithFd(control.fd, fd);
    // Before the command runs, so that it never sees a terminal of no size.
    else copyWindowSize(0, fd);
  }
  control.release();
  sync.go();
  await awaitMessage(sync, start.interruption);
  const failure = sync.receive();
  if (failure?.kind === "failed") throw new LaunchError(program, failure);
  sync.close();
}

/**
 * Performs one step of a start, registering first how it is taken back. What a step brings is kept in `start`.
 * @throws MdockerError naming what failed; the caller unwinds the undo stack.
 */
export async function performStep(start: Start, step: StartStep): Promise<void> {
  const { prepared, kept, running, observer } = start;
  switch (step.kind) {
    case "ports":
      return takePorts(start);
    case "publish":
      return publishPorts(start);
    case "reserve":
      return reserve(start);
    case "files":
      return writeFiles(start);
    case "layers":
      kept.push("writable layer", () => removeLayers(prepared.overlay.directory));
      prepareLayers(prepared.overlay);
      await labelOwnFiles(start);
      return fillNewVolumes(start);
    case "cgroup":
      if (step.first) running.push("cgroup", () => removeCgroup(prepared.cgroup.host, prepared.cgroup.path));
      return makeCgroup(step.action);
    case "launch":
      return launchContainer(start);
    case "born": {
      await awaitMessage(launchedOf(start).control, start.interruption);
      const { pid } = awaitChild(launchedOf(start), prepared.program);
      return prepared.ids === undefined ? undefined : mapIds(start, prepared.ids, pid);
    }
    case "lease":
      return lease(start, step.connection);
    case "network": {
      const { network, number } = step.connection;
      start.networks[number] = await ensureNetwork(prepared.instance, network, observer);
      return;
    }
    case "names": {
      const { instance, id, request } = prepared;
      holdNames(instance, step.connection.network, request.detached === true ? undefined : id);
      return;
    }
    case "connect":
      return connect(start, step.connection);
    case "loopback":
      return withNetns(start, (netns) => configureLoopback(netns, observer));
    case "hosts":
      return writeHosts(start);
    case "record":
      return recordRunning(start);
    case "go":
      return go(start);
    default:
      return step satisfies never;
  }
}
