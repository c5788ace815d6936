import type { IdMap } from "../core/id-ranges.ts";
import type { NetworkRequest } from "../core/network-request.ts";
import type { OciDeviceRule, OciIoPriority, OciResources, OciRlimit } from "../core/oci.ts";

/** A mount the user asked for with -v, --mount or --tmpfs. */
export type MountRequest =
  | {
      readonly kind: "bind";
      /** Absolute host path; made when missing only if `create`. */
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly create: boolean;
      /** With users of the container's own: files belong to them by the ids that they have on the disk. */
      readonly idmap?: boolean | undefined;
      /** On a host with SELinux its files get the label of every container's, or of this one's alone. */
      readonly relabel?: "shared" | "private" | undefined;
      readonly propagation?: "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" | undefined;
    }
  | {
      readonly kind: "volume";
      /** Named volume below the root; made when missing. */
      readonly name: string;
      readonly target: string;
      readonly readOnly: boolean;
      /** Not filled with what the image has there, should it be empty. */
      readonly noCopy?: boolean | undefined;
    }
  | {
      readonly kind: "tmpfs";
      readonly target: string;
      /** tmpfs mount options: `size=64m,mode=1777`. */
      readonly options: readonly string[];
    };

/** Where the root filesystem comes from. */
export type RootRequest =
  | { readonly kind: "image"; readonly reference: string; readonly pull: "never" | "missing" | "always" }
  | { readonly kind: "directory"; readonly path: string };

/** When the supervisor starts a container again that has ended. */
export interface RestartRequest {
  readonly policy: "no" | "on-failure" | "always" | "unless-stopped";
  /** For on-failure: how often in a row; 0 is without end. */
  readonly maximumRetries: number;
}

/** How the supervisor finds out whether a container does its work. */
export interface HealthRequest {
  /** `["CMD", ...]`, `["CMD-SHELL", LINE]`, or `["NONE"]`. */
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures do not count for so long after a start. */
  readonly startPeriodMs: number;
  /** Failures in a row that make it unhealthy. */
  readonly retries: number;
}

/** Where the output of a detached container goes. */
export interface LogRequest {
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
}

/** docker's words for a namespace; `private` is the container's own. */
export type NamespaceMode = "private" | "shareable" | "none" | "host" | `container:${string}`;

/** How far a clock of the container is from the host's; nanoseconds from 0 up. */
export interface TimeOffset {
  readonly secs: number;
  readonly nanosecs: number;
}

/** The namespaces that are not simply the container's own. */
export interface NamespaceModes {
  readonly pid?: NamespaceMode | undefined;
  readonly ipc?: NamespaceMode | undefined;
  readonly uts?: NamespaceMode | undefined;
  readonly cgroup?: NamespaceMode | undefined;
  /** Users of its own: a range that nobody has, or these ids of the host. */
  readonly user?: "auto" | IdMap | undefined;
  /** By `boottime` and `monotonic`; a time namespace is made for them. */
  readonly timeOffsets?: Readonly<Record<string, TimeOffset>> | undefined;
}

/** A device of the host, as --device names it. */
export interface DeviceRequest {
  /** On the host: a device, or a directory of them. */
  readonly source: string;
  /** In the container, below /dev. */
  readonly target: string;
  /** Some of `rwm`. */
  readonly access: string;
}

/** Everything a user can ask of one container, as the command line, a config file or an API body say it. */
export interface RunRequest {
  readonly root: RootRequest;
  /** Command and arguments; empty: the image's own. */
  readonly args: readonly string[];
  /** Replaces the image's entrypoint; [] removes it; undefined keeps it. */
  readonly entrypoint?: readonly string[] | undefined;
  readonly env: readonly string[];
  readonly cwd?: string | undefined;
  /** `user`, `uid`, `user:group`, `uid:gid`; names are looked up in the image. */
  readonly user?: string | undefined;
  readonly groups: readonly string[];
  readonly name?: string | undefined;
  readonly hostname?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly interactive: boolean;
  readonly terminal: boolean;
  /** Keep record and writable layer after the container has ended. */
  readonly keep: boolean;
  readonly init: boolean;
  readonly readOnlyRoot: boolean;
  readonly mounts: readonly MountRequest[];
  readonly network: NetworkRequest;
  /** Ports that the container says it listens on: `80/tcp`; those of the image come on top. */
  readonly exposed?: readonly string[] | undefined;
  /** Each exposed port is published on a free port of the host. */
  readonly publishAll?: boolean | undefined;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** `name:address` pairs for /etc/hosts. */
  readonly extraHosts: readonly string[];
  readonly resources: OciResources;
  /** What --cpus said, where that is where the quota in `resources` comes from: for showing it as it was asked. */
  readonly cpus?: number | undefined;
  readonly rlimits: readonly OciRlimit[];
  readonly sysctl: Readonly<Record<string, string>>;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  /** `no-new-privileges[=false]`, `seccomp=FILE|unconfined`. */
  readonly securityOptions: readonly string[];
  readonly namespaces?: NamespaceModes | undefined;
  readonly devices?: readonly DeviceRequest[] | undefined;
  /** Rules of --device-cgroup-rule: what may be opened besides. */
  readonly deviceRules?: readonly OciDeviceRule[] | undefined;
  /** Replace the usual paths; given by the API alone. */
  readonly maskedPaths?: readonly string[] | undefined;
  readonly readonlyPaths?: readonly string[] | undefined;
  /** Bytes of /dev/shm. */
  readonly shmSize?: number | undefined;
  readonly cidFile?: string | undefined;
  readonly oomScoreAdj?: number | undefined;
  /** -20 (first) to 19 (last). */
  readonly nice?: number | undefined;
  readonly ioPriority?: OciIoPriority | undefined;
  readonly umask?: number | undefined;
  /** Lives on without the process that started it, and is kept by the supervisor. */
  readonly detached?: boolean | undefined;
  readonly restart?: RestartRequest | undefined;
  readonly health?: HealthRequest | undefined;
  readonly log?: LogRequest | undefined;
  /** The signal that asks the command to end; default: the image's, else SIGTERM. */
  readonly stopSignal?: string | undefined;
  /** Seconds between that signal and SIGKILL; default 10, -1 waits without end. */
  readonly stopTimeout?: number | undefined;
  /** Removed as soon as it has ended. */
  readonly autoRemove?: boolean | undefined;
  /** stdin ends when the first client that is attached to it ends its own. */
  readonly stdinOnce?: boolean | undefined;
}
