import type { OciSpec } from "../../core/oci.ts";
import { defaultCapabilities } from "../../security/capabilities.ts";
import { type AuditFinding, hasOwnUsers, type Severity } from "./finding.ts";

/** What a capability is good for in a container, where that is more than its own files and processes. */
const dangers: ReadonlyMap<string, readonly [Severity, string]> = new Map<
  string,
  readonly [Severity, string]
>([
  ["SYS_ADMIN", ["critical", "mount file systems, enter namespaces, take its masks off"]],
  ["SYS_MODULE", ["critical", "load code into the kernel"]],
  ["SYS_RAWIO", ["critical", "use ports and memory of the machine"]],
  ["DAC_READ_SEARCH", ["critical", "open any file of the host by its handle (open_by_handle_at)"]],
  ["SYS_BOOT", ["high", "restart the machine, load another kernel"]],
  ["SYS_TIME", ["high", "set the host's clock"]],
  ["BPF", ["high", "load programs into the kernel"]],
  ["MAC_ADMIN", ["high", "change the host's mandatory access control"]],
  ["MAC_OVERRIDE", ["high", "pass over the host's mandatory access control"]],
  ["SYS_PTRACE", ["medium", "trace and change all processes it sees"]],
  ["PERFMON", ["medium", "watch the kernel and other containers at work"]],
  ["SYSLOG", ["medium", "read the kernel's messages and addresses"]],
  ["NET_RAW", ["medium", "send packets under the addresses of others on its networks"]],
  ["NET_ADMIN", ["medium", "change its interfaces, routes and rules, and reach much code of the kernel"]],
  ["SYS_RESOURCE", ["medium", "pass over limits and quotas"]],
  ["CHECKPOINT_RESTORE", ["medium", "choose process ids, look into namespaces"]],
  ["AUDIT_CONTROL", ["medium", "switch the host's audit off"]],
  ["AUDIT_READ", ["low", "read the host's audit log"]],
  ["AUDIT_WRITE", ["low", "write to the host's audit log"]],
  ["MKNOD", ["low", "make nodes of devices, as far as its list of devices lets it"]],
  ["SYS_NICE", ["low", "take processor time from others"]],
  ["IPC_LOCK", ["low", "hold memory that cannot be swapped out"]],
  ["LINUX_IMMUTABLE", ["low", "make files on its volumes immutable"]],
  ["IPC_OWNER", ["low", "use System V IPC objects of others that it sees"]],
  ["NET_BROADCAST", ["low", "listen to groups on its networks"]],
  ["SYS_PACCT", ["low", "switch process accounting"]],
  ["SYS_TTY_CONFIG", ["low", "hang up terminals"]],
  ["LEASE", ["low", "hold leases on files of its volumes"]],
  ["WAKE_ALARM", ["low", "wake the machine up"]],
  ["BLOCK_SUSPEND", ["low", "keep the machine awake"]],
]);

const worse: Readonly<Record<Severity, Severity>> = {
  low: "medium",
  medium: "high",
  high: "critical",
  critical: "critical",
};

const better: Readonly<Record<Severity, Severity>> = {
  low: "low",
  medium: "low",
  high: "medium",
  critical: "high",
};

/**
 * Those that reach something in a user namespace of its own, too (user_namespaces(7)): the kernel asks for the others in
 * the host's.
 */
const inOwnUsers: ReadonlySet<string> = new Set(
  ["SYS_ADMIN", "SYS_PTRACE", "NET_RAW", "NET_ADMIN", "IPC_OWNER", "KILL", "CHECKPOINT_RESTORE"], //
);

/** Those that weigh more where the namespace they act on is the host's. */
const onHost: ReadonlyMap<string, string> = new Map([
  ["SYS_PTRACE", "pid"],
  ["NET_RAW", "network"],
  ["NET_ADMIN", "network"],
  ["IPC_OWNER", "ipc"],
  ["KILL", "pid"],
]);

/** What the capabilities of a container are good for. */
export function auditCapabilities(spec: OciSpec): AuditFinding[] {
  const bounding = spec.process.capabilities?.bounding;
  // A document without them leaves the process what its maker has.
  if (bounding === undefined) {
    const could = "whatever who starts it may: its capabilities are not restricted";
    return [{ severity: "critical", subject: "capabilities", could, tighten: "--cap-drop ALL" }];
  }
  const ownUsers = hasOwnUsers(spec);
  const found = bounding.flatMap((name): AuditFinding[] => {
    const short = name.replace(/^CAP_/, "");
    const type = onHost.get(short);
    const host = type !== undefined && !spec.linux.namespaces.some((namespace) => namespace.type === type);
    const known =
      dangers.get(short) ?? (host ? (["low", "signal all processes it sees"] as const) : undefined);
    const [severity, could] =
      known ??
      (defaultCapabilities.includes(name) ? [] : (["medium", "what this capability allows"] as const));
    if (severity === undefined || could === undefined) return [];
    if (ownUsers) {
      if (!inOwnUsers.has(short)) return [];
      const within = `${could}: where its user namespace reaches, with much code of the kernel`;
      return [{ severity: better[severity], subject: name, could: within, tighten: `--cap-drop ${short}` }];
    }
    return [
      {
        severity: host ? worse[severity] : severity,
        subject: name,
        could: host ? `${could}: of the host` : could,
        tighten: `--cap-drop ${short}`,
      },
    ];
  });
  const usual = bounding.filter((name) => defaultCapabilities.includes(name));
  if (usual.length > 0) {
    found.push({
      severity: "low",
      subject: `${usual.length} usual capabilities`,
      could: "change owners and users of its own files and processes",
      tighten: "--cap-drop ALL, and --cap-add for what it needs",
    });
  }
  return found;
}
