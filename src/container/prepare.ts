import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { cgroupDirectory, joinFiles, watchFiles } from "../../cgroup/files.ts";
import { absenceOf, type CgroupHost, detectCgroups } from "../../cgroup/host.ts";
import { cgroupMounts } from "../../cgroup/mounts.ts";
import { containerCgroup } from "../../cgroup/place.ts";
import { planCgroup } from "../../cgroup/plan.ts";
import type { SetUpPlace } from "../../cgroup/set-up-place.ts";
import { containerSysctls } from "../../net/endpoint.ts";
import type { Network } from "../../net/network.ts";
import { planOverlay } from "../../overlay/layers.ts";
import { lookupUser } from "../../rootfs/users.ts";
import { NotFoundError, UsageError } from "../core/errors.ts";
import type { IdMap } from "../core/id-ranges.ts";
import type { Instance } from "../core/paths.ts";
import { highestId, isRootless } from "../core/rootless.ts";
import { ownProfile } from "../security/apparmor/name.ts";
import { planSecurity } from "../security/plan.ts";
import { ourselves } from "../sys/process.ts";
import { routesOf } from "./default-route.ts";
import { findNetwork } from "./find-network.ts";
import { findRoot } from "./find-root.ts";
import { contextOption } from "./label.ts";
import { newId } from "./names.ts";
import { orphanNote } from "./orphans.ts";
import type { Prepared } from "./prepared.ts";
import { buildProgram } from "./program.ts";
import { exposedPorts, planPublishing } from "./publishing.ts";
import { findContainer } from "./refresh.ts";
import type { RunRequest } from "./request.ts";
import { isOwnProfile, seccompFile } from "./seccomp-file.ts";
import { buildSpec, commandLine, type JoinedContainer, mountsOfNames, sharesProcesses } from "./spec.ts";
import type { Connection } from "./step.ts";
import { containerFiles, containerPaths, readSpec } from "./store.ts";
import { hasAnonymousVolume, volumePath } from "./volume-path.ts";

/** @throws UsageError for who has no id in the user's namespaces */
function refuseOtherIds({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  const highest = highestId();
  if (uid <= highest && gid <= highest) return;
  throw new UsageError(
    highest === 0
      ? `--user: ${uid}:${gid}: there is no user but root (0:0) here: more need newuidmap (package uidmap) and ranges in ` +
          "/etc/subuid and /etc/subgid: mdocker doctor --rootless"
      : `--user: ${uid}:${gid}: the highest id here is ${highest}, by the ranges of /etc/subuid and /etc/subgid`,
  );
}

/** @throws UsageError for a score that takes a privilege of the host's: proc(5), oom_score_adj */
function refuseLowerScore(wanted: number | undefined): void {
  if (wanted === undefined) return;
  const own = Number(readFileSync("/proc/self/oom_score_adj", "utf8"));
  if (wanted < own)
    throw new UsageError(
      `--oom-score-adj: ${wanted}: only root may go below its own score, which is ${own}: use sudo`,
    );
}

/** Whether a bind source is a directory. A missing one of -v will be made as one; our own files are written later. */
function isDirectory(path: string, own: string): boolean {
  if (path.startsWith(`${own}/`)) return false;
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true;
}

/** Host directories that the mounts need and that do not exist yet; a missing source of --mount is an error. */
function missingSources(instance: Instance, request: RunRequest): string[] {
  const missing: string[] = [];
  for (const mount of request.mounts) {
    if (mount.kind === "volume") missing.push(volumePath(instance, mount.name));
    if (mount.kind !== "bind" || existsSync(mount.source)) continue;
    if (!mount.create)
      throw new UsageError(
        `--mount: source ${mount.source} does not exist on the host: create it, or use -v`,
      );
    missing.push(mount.source);
  }
  return missing;
}

/** What `--network container:X` has from X. */
function joinedContainer(instance: Instance, request: RunRequest): JoinedContainer | undefined {
  if (request.network.kind !== "container") return undefined;
  const { init, state, name, id } = findContainer(instance, request.network.container);
  if (init === undefined || (state !== "running" && state !== "paused")) {
    throw new UsageError(
      `--network container:${request.network.container}: container ${name} is not running`,
    );
  }
  const spec = readSpec(instance, id);
  const { hostname = "" } = spec;
  return { networkPath: `/proc/${init.pid}/ns/net`, hostname, etc: mountsOfNames(spec) };
}

/** @throws UsageError when there is none: a NotFoundError would tell docker's client that the image is missing. */
async function networkNamed(instance: Instance, name: string): Promise<Network> {
  try {
    return await findNetwork(instance, name);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new UsageError(
      `--network: network ${name} not found: expected bridge, host, none, container:NAME or one of mdocker network ls`,
      { cause: error },
    );
  }
}

/** The networks that the container's interfaces are on. */
async function connectionsOf(instance: Instance, request: RunRequest): Promise<Connection[]> {
  if (request.network.kind !== "bridge") return [];
  const found: Omit<Connection, "routes">[] = [];
  for (const attachment of request.network.attachments) {
    const network = await networkNamed(instance, attachment.network);
    // By its name from here on: what was given may be an id.
    const named = { ...attachment, network: network.name };
    found.push({ network, attachment: named, number: found.length });
  }
  const routes = routesOf(found);
  return found.map((one, at) => ({ ...one, routes: routes[at] ?? { v4: false, v6: false } }));
}

/** The files of its directory. */
function filesWith(seccomp: Prepared["seccomp"]): readonly string[] {
  return seccomp !== undefined && isOwnProfile(seccomp.name)
    ? [seccompFile, ...containerFiles]
    : containerFiles;
}

/** Below so many bytes a container is built outside of its memory cgroup: docker's least limit is six times as much. */
const littleMemory = 1024 * 1024;

async function setUpPlaceOf(
  host: CgroupHost,
  path: string,
  limit: number | undefined,
): Promise<SetUpPlace | undefined> {
  // An ordinary user can move processes only within what is delegated.
  if (!limit || limit >= littleMemory || isRootless()) return undefined;
  return (await import("../../cgroup/set-up-place.ts")).setUpPlace(host, path);
}

export interface PrepareOptions {
  /** Every step of the program tells how long it took. */
  readonly traced?: boolean;
  /** Nothing will be done: ids of its own are the ones that it would have. */
  readonly peek?: boolean;
  /** Of a container that exists; else a new one is chosen. */
  readonly id?: string;
}

/**
 * Thinks a container through: image, user, privileges, limits, mounts, program. Looks at the host, changes nothing but
 * that ids of its own, should it have some, are taken (not with `peek`): `releaseIds` gives them back.
 * @throws UsageError or SetupError for what can be known to fail now.
 */
export async function prepare(
  instance: Instance,
  request: RunRequest,
  { traced = false, peek = false, id = newId() }: PrepareOptions = {},
): Promise<Prepared> {
  const wanted = request.namespaces?.user;
  if (wanted === undefined) return thinkOrRelease(instance, request, { traced, peek, id }, undefined);
  // What is thought through names the ids, so that they have to be known.
  const { refuseForeign } = await import("./users/refuse.ts");
  refuseForeign(request);
  const { leaseIds, peekIds, releaseIds } = await import("./users/range.ts");
  if (peek) return think(instance, request, { traced, peek, id }, peekIds(instance, wanted));
  const ids = leaseIds(instance, id, wanted, ourselves());
  try {
    return await thinkOrRelease(instance, request, { traced, peek, id }, ids);
  } catch (error) {
    releaseIds(instance, id);
    throw error;
  }
}

/** Nothing stays claimed for what cannot be started. */
async function thinkOrRelease(...about: Parameters<typeof think>): Promise<Prepared> {
  try {
    return await think(...about);
  } catch (error) {
    const [instance, , { id }] = about;
    (await import("./selinux/claim.ts")).releaseLevel(instance, id);
    throw error;
  }
}

async function think(
  instance: Instance,
  request: RunRequest,
  { traced, peek, id }: Required<Pick<PrepareOptions, "traced" | "peek" | "id">>,
  ids: IdMap | undefined,
): Promise<Prepared> {
  const { cidFile } = request;
  if (cidFile !== undefined && existsSync(cidFile)) {
    throw new UsageError(`--cidfile: ${cidFile} exists already: remove it, or name another file`);
  }
  const root = findRoot(instance, request.root);
  const paths = containerPaths(instance, id);
  if (commandLine(request, root.config).length === 0) {
    throw new UsageError(`no command given, and ${root.name} names none: add one at the end`);
  }
  const user = lookupUser(root.layers, request.user ?? root.config.user, request.groups);
  if (isRootless()) {
    refuseOtherIds(user);
    refuseLowerScore(request.oomScoreAdj);
  }
  const security = planSecurity(instance, { ...request, uid: user.uid });
  const notes = [...security.notes];
  const host = detectCgroups();
  const absence = absenceOf(host);
  const cgroupPath = containerCgroup(host, instance.prefix, id);
  const namespaces =
    request.namespaces === undefined
      ? undefined
      : (await import("./joined-namespaces.ts")).joinNamespaces(instance, request.namespaces);
  const labels =
    security.label === undefined
      ? undefined
      : (await import("./selinux/plan.ts")).planLabels(instance, id, request, security.label, {
          namespaces,
          peek,
        });
  const { apparmorProfile: asked, ...confinement } = security;
  const apparmorProfile =
    asked === ownProfile
      ? (await import("./own-profile.ts")).planOwnProfile({
          asked: security.apparmorAsked,
          seesHost: namespaces?.modes.pid === "host",
          peek,
          note: (line) => notes.push(line),
        })
      : asked;
  const planned = planOverlay({ lowers: root.layers, directory: paths.directory, ephemeral: !request.keep });
  const overlay =
    labels === undefined
      ? planned
      : { ...planned, options: `${planned.options},${contextOption(labels.mount)}` };
  const sysctls =
    request.network.kind === "bridge" || request.network.kind === "none"
      ? containerSysctls(ids === undefined ? undefined : ids.size - 1)
      : {};
  const spec = buildSpec(request, {
    id,
    rootPath: overlay.merged,
    image: root.config,
    user,
    etc: paths.etc,
    cgroupsPath: `/${cgroupPath}`,
    security: { ...confinement, ...(apparmorProfile === undefined ? {} : { apparmorProfile }) },
    rlimits: security.rlimits,
    countsProcesses: absence === undefined,
    networkSysctl: sysctls,
    volumePath: (name) => volumePath(instance, name),
    joined: joinedContainer(instance, request),
    namespaces,
    labels,
    ids,
  });
  if (absence !== undefined && namespaces?.modes.pid === "host")
    throw new UsageError(
      `--pid host: nothing could end what the command leaves behind, without a cgroup: ${absence}`,
    );
  const resources = spec.linux.resources ?? {};
  const directory = cgroupDirectory(host, cgroupPath);
  const joined = joinFiles(host, cgroupPath, resources);
  const seccomp =
    security.seccomp === "unconfined"
      ? undefined
      : { filter: security.seccomp.filter((note) => notes.push(note)), name: security.seccomp.name };
  const users =
    ids === undefined
      ? undefined
      : new (await import("./users/program.ts")).UsersProgram({
          ...{ ids, spec, overlay, directories: [...root.layers, paths.directory] },
          isDirectory: (path) => isDirectory(path, paths.directory),
        });
  const program = buildProgram({
    spec,
    init: request.init,
    interactive: request.interactive,
    foreground: request.detached !== true,
    overlay,
    cgroupJoin: joined,
    cgroupBirth: directory !== undefined,
    setUpPlace: await setUpPlaceOf(host, cgroupPath, resources.memory?.limit),
    cgroupMounts: cgroupMounts(host, resources, request.privileged),
    watch: watchFiles(host, cgroupPath),
    traced,
    cgroupDirectories: directory === undefined ? joined.map((file) => dirname(file)) : [directory],
    // Volumes that go with the container are more than the monitor alone could see to.
    files:
      request.keep || hasAnonymousVolume(request)
        ? undefined
        : { ...overlay, names: [...overlay.links.map(({ path }) => basename(path)), ...filesWith(seccomp)] },
    ...(directory !== undefined && sharesProcesses(spec) ? { killFile: `${directory}/cgroup.kill` } : {}),
    orphanNote: request.detached === true ? undefined : orphanNote(instance, id),
    seccomp,
    deviceLinks: security.deviceLinks,
    optionalSysctls: new Set(Object.keys(sysctls)),
    isDirectory: (path) => isDirectory(path, paths.directory),
    rootless: isRootless(),
    users,
  });
  const connections = await connectionsOf(instance, request);
  const exposed = exposedPorts(request, root.config.exposed);
  const { publishing, notes: portNotes } = planPublishing(request, connections, exposed);
  notes.push(...portNotes);
  return {
    instance,
    id,
    request: {
      ...request,
      network:
        request.network.kind === "bridge"
          ? { ...request.network, attachments: connections.map(({ attachment }) => attachment) }
          : request.network,
    },
    image: root.name,
    layers: root.layers,
    overlay,
    spec,
    program,
    seccomp,
    cgroup: { host, path: cgroupPath, actions: planCgroup(host, cgroupPath, resources), directory },
    stopSignal: request.stopSignal ?? root.config.stopSignal,
    connections,
    publishing,
    exposed,
    directories: missingSources(instance, request),
    notes,
    ids,
  };
}
