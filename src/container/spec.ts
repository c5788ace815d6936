import type { IdMap } from "../core/id-ranges.ts";
import type { OciMount, OciNamespace, OciResources, OciSpec } from "../core/oci.ts";
import { hasOneId } from "../core/rootless.ts";
import type { Labels } from "../security/selinux.ts";
import type { JoinedNamespaces } from "./joined-namespaces.ts";
import type { NamespaceModes, RunRequest } from "./request.ts";

/** The annotation that names the seccomp profile: the document does not hold all its rules. */
export const seccompAnnotation = "mdocker.seccomp";

/** The annotation that tells the mode of a namespace that is not simply the container's own. */
export function namespaceAnnotation(type: "pid" | "ipc" | "uts" | "cgroup"): string {
  return `mdocker.${type}`;
}

/** Whether the container's processes are among those of the host or of another container. */
export function sharesProcesses({ linux }: Pick<OciSpec, "linux">): boolean {
  return !linux.namespaces.some(({ type, path }) => type === "pid" && path === undefined);
}

const profileOf = (seccomp: "unconfined" | { readonly name: string }): string =>
  seccomp === "unconfined" ? seccomp : seccomp.name;

/** What the translation into an OCI document needs to know besides the request. */
export interface SpecFacts {
  readonly id: string;
  /** The merged root, as the host sees it. */
  readonly rootPath: string;
  readonly image: {
    readonly env: readonly string[];
    readonly cmd: readonly string[];
    readonly entrypoint: readonly string[];
    readonly cwd: string;
  };
  readonly user: {
    readonly uid: number;
    readonly gid: number;
    readonly additionalGids: readonly number[];
    readonly home: string;
  };
  /** Directory of hosts, hostname and resolv.conf. */
  readonly etc: string;
  readonly cgroupsPath: string;
  readonly security: Pick<OciSpec["process"], "capabilities" | "noNewPrivileges" | "apparmorProfile"> &
    Pick<OciSpec["linux"], "maskedPaths" | "readonlyPaths" | "devices"> & {
      readonly deviceRules: OciResources["devices"];
      readonly seccomp?: "unconfined" | { readonly name: string };
    };
  /** False where no number of processes can be enforced: then none is by default. */
  readonly countsProcesses?: boolean;
  /** Rlimits after clamping. */
  readonly rlimits: OciSpec["process"]["rlimits"];
  /** Sysctls of the network namespace that mdocker sets by itself. */
  readonly networkSysctl: Readonly<Record<string, string>>;
  /** Host path of each named volume. */
  readonly volumePath: (name: string) => string;
  /** The container whose network is shared, for `container:` networks. */
  readonly joined?: JoinedContainer | undefined;
  /** What `--pid`, `--ipc`, `--uts` and `--cgroupns` mean. */
  readonly namespaces?: JoinedNamespaces | undefined;
  /** The contexts of SELinux of its processes and files. */
  readonly labels?: Labels | undefined;
  /** The ids of its own users on the host. */
  readonly ids?: IdMap | undefined;
}

/** What a container has from the one whose network it shares: addresses, and the names that go with them. */
export interface JoinedContainer {
  /** Path of the network namespace. */
  readonly networkPath: string;
  readonly hostname: string;
  /** The mounts of its hosts, hostname and resolv.conf. */
  readonly etc: readonly OciMount[];
}

const etcFiles: readonly string[] = ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"];

/** Those of a container's mounts that are about names. */
export function mountsOfNames({ mounts }: Pick<OciSpec, "mounts">): OciMount[] {
  return mounts.filter(({ destination }) => etcFiles.includes(destination));
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** As docker does it: PATH, HOSTNAME, TERM, HOME, then the image's, then the user's; the last of a name counts. */
function environment(request: RunRequest, facts: SpecFacts, hostname: string): string[] {
  const variables = new Map<string, string>();
  const defaults = [
    defaultPath,
    `HOSTNAME=${hostname}`,
    ...(request.terminal ? ["TERM=xterm"] : []),
    `HOME=${facts.user.home}`,
  ];
  for (const entry of [...defaults, ...facts.image.env, ...request.env]) {
    const equals = entry.indexOf("=");
    // An image may say anything; a word without a value is no variable.
    if (equals <= 0) continue;
    variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** The command line: entrypoint and arguments; a replaced entrypoint drops the image's own arguments. */
export function commandLine(request: RunRequest, image: SpecFacts["image"]): string[] {
  if (request.entrypoint !== undefined) return [...request.entrypoint, ...request.args];
  return [...image.entrypoint, ...(request.args.length > 0 ? request.args : image.cmd)];
}

const systemMounts: readonly OciMount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
  },
];

/** The mounts that every container has, as this one has them. */
function ownMounts(request: RunRequest, { namespaces }: SpecFacts): OciMount[] {
  const shm = request.shmSize === undefined ? undefined : `size=${request.shmSize}`;
  return systemMounts.flatMap((mount): OciMount[] => {
    const { destination, options = [] } = mount;
    if (destination === "/dev/shm") {
      if (namespaces?.modes.ipc === "none") return [];
      if (namespaces?.shm !== undefined) return [namespaces.shm];
      if (shm === undefined) return [mount];
      return [{ ...mount, options: options.map((option) => (option.startsWith("size=") ? shm : option)) }];
    }
    // docker's too: who may do everything may write there.
    if (destination === "/dev/pts" && hasOneId())
      return [{ ...mount, options: options.filter((option) => !option.startsWith("gid=")) }];
    if (request.privileged && destination.startsWith("/sys"))
      return [{ ...mount, options: options.map((option) => (option === "ro" ? "rw" : option)) }];
    return [mount];
  });
}

/** The modes of namespaces that are not simply the container's own. */
function namespaceAnnotations(modes: NamespaceModes | undefined): Record<string, string> {
  if (modes === undefined) return {};
  const types = ["pid", "ipc", "uts", "cgroup"] as const;
  return Object.fromEntries(
    types.flatMap((type) => {
      const mode = modes[type];
      return mode === undefined ? [] : [[namespaceAnnotation(type), mode]];
    }),
  );
}

/** How many directories deep `path` lies. */
function depth(path: string): number {
  return path.split("/").filter((part) => part !== "").length;
}

/** The mounts asked for, those above others first: in the order given one on /a would hide an earlier one on /a/b. */
function userMounts(request: RunRequest, facts: SpecFacts): OciMount[] {
  const ordered = [...request.mounts].sort((one, other) => depth(one.target) - depth(other.target));
  return ordered.map((mount): OciMount => {
    switch (mount.kind) {
      case "tmpfs": {
        const options = ["nosuid", "nodev", ...mount.options];
        return { destination: mount.target, type: "tmpfs", source: "tmpfs", options };
      }
      case "bind":
      case "volume": {
        const source = mount.kind === "bind" ? mount.source : facts.volumePath(mount.name);
        const propagation = (mount.kind === "bind" ? mount.propagation : undefined) ?? "rprivate";
        return {
          destination: mount.target,
          type: "bind",
          source,
          options: [
            "rbind",
            mount.readOnly ? "ro" : "rw",
            propagation,
            ...(facts.ids !== undefined && (mount.kind === "volume" || mount.idmap === true)
              ? ["idmap"]
              : []),
          ],
        };
      }
      default:
        return mount satisfies never;
    }
  });
}

function etcMounts(request: RunRequest, facts: SpecFacts): OciMount[] {
  const mounts =
    facts.joined?.etc ??
    etcFiles.map((file) => ({
      destination: file,
      type: "bind",
      source: `${facts.etc}/${file.slice("/etc/".length)}`,
      options: ["rbind", "rw", "rprivate"],
    }));
  return mounts.filter(({ destination }) => !request.mounts.some(({ target }) => target === destination));
}

function namespaces(request: RunRequest, facts: SpecFacts): OciNamespace[] {
  const { paths = {}, modes } = facts.namespaces ?? {};
  const list: OciNamespace[] = [];
  for (const type of ["pid", "ipc", "uts"] as const) {
    const path = paths[type];
    if (path !== undefined) list.push({ type, path });
    else if (modes?.[type] !== "host") list.push({ type });
  }
  if (modes?.user !== undefined) list.push({ type: "user" });
  list.push({ type: "mount" });
  if (modes?.cgroup !== "host") list.push({ type: "cgroup" });
  if (modes?.timeOffsets !== undefined) list.push({ type: "time" });
  if (facts.joined !== undefined) {
    list.push({ type: "network", path: facts.joined.networkPath });
  } else if (request.network.kind !== "host") {
    list.push({ type: "network" });
  }
  return list;
}

/** The users of the container on the host, where they are its own. */
function mappings(ids: IdMap | undefined): Pick<OciSpec["linux"], "uidMappings" | "gidMappings"> {
  if (ids === undefined) return {};
  const map = (hostID: number) => [{ containerID: 0, hostID, size: ids.size }];
  return { uidMappings: map(ids.uid), gidMappings: map(ids.gid) };
}

/** So many processes and threads at once unless --pids-limit says otherwise: a fork bomb ends there. */
const defaultPidsLimit = 2048;

/** The host name: that of the container whose network is shared, or asked for, else the first 12 digits of the id. */
function hostnameOf(request: RunRequest, { joined, namespaces, id }: SpecFacts): string {
  return namespaces?.hostname ?? joined?.hostname ?? request.hostname ?? id.slice(0, 12);
}

/** Translates a request into the OCI document that everything below works from. Pure. */
export function buildSpec(request: RunRequest, facts: SpecFacts): OciSpec {
  const hostname = hostnameOf(request, facts);
  const { security, user } = facts;
  return {
    ociVersion: "1.2.0",
    hostname,
    root: { path: facts.rootPath, readonly: request.readOnlyRoot },
    process: {
      terminal: request.terminal,
      user: {
        uid: user.uid,
        gid: user.gid,
        additionalGids: user.additionalGids,
        ...(request.umask === undefined ? {} : { umask: request.umask }),
      },
      args: commandLine(request, facts.image),
      env: environment(request, facts, hostname),
      cwd: request.cwd ?? (facts.image.cwd === "" ? "/" : facts.image.cwd),
      ...(security.capabilities === undefined ? {} : { capabilities: security.capabilities }),
      ...(security.noNewPrivileges === undefined ? {} : { noNewPrivileges: security.noNewPrivileges }),
      ...(security.apparmorProfile === undefined ? {} : { apparmorProfile: security.apparmorProfile }),
      ...(facts.labels === undefined ? {} : { selinuxLabel: facts.labels.process }),
      ...(facts.rlimits === undefined ? {} : { rlimits: facts.rlimits }),
      ...(request.oomScoreAdj === undefined ? {} : { oomScoreAdj: request.oomScoreAdj }),
      ...(request.nice === undefined ? {} : { scheduler: { policy: "SCHED_OTHER", nice: request.nice } }),
      ...(request.ioPriority === undefined ? {} : { ioPriority: request.ioPriority }),
    },
    mounts: [...ownMounts(request, facts), ...userMounts(request, facts), ...etcMounts(request, facts)],
    annotations: {
      ...request.labels,
      ...namespaceAnnotations(facts.namespaces?.modes),
      ...(security.seccomp === undefined ? {} : { [seccompAnnotation]: profileOf(security.seccomp) }),
    },
    linux: {
      namespaces: namespaces(request, facts),
      ...mappings(facts.ids),
      cgroupsPath: facts.cgroupsPath,
      ...(facts.namespaces?.modes.timeOffsets === undefined
        ? {}
        : { timeOffsets: facts.namespaces.modes.timeOffsets }),
      resources: {
        ...(facts.countsProcesses === false ? {} : { pids: { limit: defaultPidsLimit } }),
        ...request.resources,
        ...(security.deviceRules === undefined ? {} : { devices: security.deviceRules }),
      },
      sysctl: { ...facts.networkSysctl, ...request.sysctl },
      ...(security.devices === undefined ? {} : { devices: security.devices }),
      ...(facts.labels === undefined ? {} : { mountLabel: facts.labels.mount }),
      ...(security.maskedPaths === undefined ? {} : { maskedPaths: security.maskedPaths }),
      ...(security.readonlyPaths === undefined ? {} : { readonlyPaths: security.readonlyPaths }),
    },
  };
}
