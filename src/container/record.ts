import type { NetworkDriver } from "../../net/network.ts";
import type { IdMap } from "../core/id-ranges.ts";
import type { NetworkRequest } from "../core/network-request.ts";
import type { OciResources } from "../core/oci.ts";
import type { PublishedPort } from "../core/port-mapping.ts";

/**
 * What a container is doing, as it was written; `refresh` tells what it is really doing. One that is `creating` goes
 * with its maker; one that is `starting` was whole before, and is again if the start comes to nothing; one that is
 * `restarting` has ended, and its restart policy starts it again.
 */
type ContainerState =
  | "creating"
  | "created"
  | "starting"
  | "running"
  | "paused"
  | "restarting"
  | "exited"
  | "dead";

/** An interface that a container got on a network. */
export interface EndpointRecord {
  readonly network: string;
  /** Absent: bridge. */
  readonly driver?: NetworkDriver | undefined;
  readonly ifname: string;
  /** Name of the end that the host has; empty where it has none: macvlan, ipvlan, and cables between containers. */
  readonly hostName: string;
  /** Empty without IPv4. */
  readonly address: string;
  readonly prefixLength: number;
  /** Where the default route of the container leads, if it is this interface's. */
  readonly gateway?: string | undefined;
  readonly address6?: string | undefined;
  readonly prefixLength6?: number | undefined;
  readonly gateway6?: string | undefined;
  /** Link-local addresses that were asked for. */
  readonly linkLocal?: readonly string[] | undefined;
  readonly mac: string;
}

/** How a container ended. */
export interface ExitRecord {
  /** The exit code as a shell would show it: 128+n after signal n. */
  readonly code: number;
  /** ISO 8601. */
  readonly at: string;
  readonly oomKilled: boolean;
  readonly error?: string | undefined;
  /**
   * Why it ended, where that is known: `stopped` (asked to, and it went by itself), `killed` (asked to, and it took
   * SIGKILL), `oom-killed` (the host had no memory left), `hard-limit-killed` (its own limit was reached).
   */
  readonly reason?: "stopped" | "killed" | "oom-killed" | "hard-limit-killed" | undefined;
  /** Nobody asked for that but a supervisor that ended and stopped its containers. */
  readonly shutdown?: boolean | undefined;
}

/** What the health checks of a container have found. */
export interface HealthRecord {
  readonly status: "starting" | "healthy" | "unhealthy";
  readonly failingStreak: number;
  /** The last five, oldest first. */
  readonly log: readonly {
    readonly start: string;
    readonly end: string;
    readonly exitCode: number;
    readonly output: string;
  }[];
}

/** How often the limits of a container have made it wait for something. */
export interface StallRecord {
  readonly times: number;
  /** When it last began to. ISO 8601. */
  readonly last: string;
}

/** What the limits of a container have done in its present run or the last one: its log of events. */
export interface LimitLog {
  /** How often each was told, by what it is: `oom`, `soft_limit`, `pids_limit`, `throttled`, `pressure memory`, `pressure io`. */
  readonly counts: Readonly<Record<string, number>>;
  /** The last of them, oldest first. */
  readonly last: readonly LimitEvent[];
}

/** One of them, as `events` has it. */
export interface LimitEvent {
  /** ISO 8601. */
  readonly at: string;
  readonly action: "oom" | "soft_limit" | "pids_limit" | "throttled" | "pressure";
  readonly attributes: Readonly<Record<string, string>>;
}

/** How a container's memory stands to its soft limit, in its present run or the last one. */
export interface SoftLimitRecord {
  /** How often its memory has come above it. */
  readonly crossings: number;
  /** It was when this was written, and has not been well below it since. */
  readonly above: boolean;
  /** The last time: how much there was, and which process had grown most. Bytes. */
  readonly last?:
    | {
        /** ISO 8601. */
        readonly at: string;
        readonly limit: number;
        readonly usage: number;
        readonly process?: GrownProcess | undefined;
      }
    | undefined;
}

/** A process of a container and the memory it has. */
export interface GrownProcess {
  /** As the host numbers it. */
  readonly pid: number;
  readonly name: string;
  /** Resident memory in bytes. */
  readonly resident: number;
}

/** What mdocker knows of one container: `record.json` in its directory below the root. */
export interface ContainerRecord {
  readonly version: 1;
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** Reference as the user named it, or the directory of --rootfs. */
  readonly image: string;
  /** Directories of its read-only layers, lowest first: not to be removed while it exists. */
  readonly layers: readonly string[];
  readonly command: readonly string[];
  /** Its own users on the host, in its present run or the last one; undefined: they are the host's. */
  readonly users?: IdMap | undefined;
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: ContainerState;
  /** Foreground containers belong to the mdocker process that runs them. */
  readonly foreground: boolean;
  readonly keep: boolean;
  /** Boot during which the pids below mean something. */
  readonly bootId: string;
  /** The mdocker process that makes or runs it. */
  readonly owner?: { readonly pid: number; readonly startTime: string } | undefined;
  readonly monitor?: { readonly pid: number; readonly startTime: string } | undefined;
  /** The container's pid 1, as the host numbers it. */
  readonly init?: { readonly pid: number; readonly startTime: string } | undefined;
  readonly started?: string | undefined;
  readonly exit?: ExitRecord | undefined;
  /** Path below each cgroup hierarchy. */
  readonly cgroup?: string | undefined;
  readonly network: NetworkRequest;
  readonly endpoints: readonly EndpointRecord[];
  /** What it publishes, of one that runs. */
  readonly ports?: readonly PublishedPort[] | undefined;
  /** Ports that it or its image says it listens on: `80/tcp`. */
  readonly exposed?: readonly string[] | undefined;
  readonly resources: OciResources;
  /** How often the supervisor has started it again by its restart policy. */
  readonly restartCount?: number | undefined;
  readonly health?: HealthRecord | undefined;
  /** Of one with --memory-reservation, since that was first crossed. */
  readonly softLimit?: SoftLimitRecord | undefined;
  /** Of one whose limits have made it wait, in its present run or the last one. */
  readonly stalls?: Readonly<Partial<Record<"cpu" | "memory" | "io", StallRecord>>> | undefined;
  readonly limitEvents?: LimitLog | undefined;
  /** The signal that asks the command to end, where it is not SIGTERM. */
  readonly stopSignal?: string | undefined;
  /** Seconds between that signal and SIGKILL, where they are not 10; -1 is without end. */
  readonly stopTimeout?: number | undefined;
  /**
   * Of one that runs: the name of its seccomp profile, or `unconfined`. The filter of any but `default` lies in its
   * directory, so that later commands in it get the very same.
   */
  readonly seccomp?: string | undefined;
}
