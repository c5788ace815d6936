import type { OciNamespaceType, OciSpec } from "../../core/oci.ts";
import { seccompAnnotation } from "../spec.ts";
import { auditCapabilities } from "./capabilities.ts";
import { auditDevices } from "./devices.ts";
import { type AuditFacts, type AuditFinding, hasOwnUsers, points, type Severity } from "./finding.ts";
import { auditMounts } from "./mounts.ts";

/** What a container could do, worst first, and how tight it is: 100 is all that can be had. */
export interface Audit {
  readonly score: number;
  readonly findings: readonly AuditFinding[];
}

const shared: readonly (readonly [OciNamespaceType, Severity, string, string])[] = [
  ["mount", "critical", "see and change the host's own mounts", "a mount namespace of its own"],
  [
    "pid",
    "high",
    "see all processes of the host, with their arguments and environments",
    "leave out --pid host",
  ],
  [
    "network",
    "high",
    "use the host's network, and listen to what is for the host alone",
    "leave out --net host",
  ],
  ["ipc", "medium", "read and change shared memory of the host's programs", "leave out --ipc host"],
  ["uts", "low", "learn the host's name, and with CAP_SYS_ADMIN change it", "leave out --uts host"],
  ["cgroup", "low", "see the cgroups of the host and of other containers", "leave out --cgroupns host"],
];

function auditNamespaces({ linux }: OciSpec): AuditFinding[] {
  return shared.flatMap(([type, severity, could, tighten]): AuditFinding[] => {
    const own = linux.namespaces.find((namespace) => namespace.type === type);
    if (own === undefined) return [{ severity, subject: `the host's ${type} namespace`, could, tighten }];
    if (own.path === undefined) return [];
    const flag = type === "network" ? "net" : type;
    return [
      {
        severity: "low",
        subject: `another container's ${type} namespace`,
        could: "meet that container there",
        tighten: `leave out --${flag} container:...`,
      },
    ];
  });
}

/** Calls that no rule of ours lets through without a capability. */
const reaching: readonly string[] = [
  ...["add_key", "bpf", "delete_module", "finit_module", "init_module", "io_uring_setup", "kexec_file_load"],
  ...["kexec_load", "keyctl", "mount", "move_mount", "open_by_handle_at", "perf_event_open", "pivot_root"],
  ...["process_vm_writev", "ptrace", "reboot", "request_key", "setns", "swapon", "unshare", "userfaultfd"],
];

function auditSeccomp(spec: OciSpec, facts: AuditFacts): AuditFinding[] {
  const { seccomp: rules } = spec.linux;
  const name = facts.seccomp ?? spec.annotations?.[seccompAnnotation];
  const tighten = "leave out --security-opt seccomp=..., or use seccomp=strict";
  if (rules !== undefined) {
    const open = rules.defaultAction === "SCMP_ACT_ALLOW" || rules.defaultAction === "SCMP_ACT_LOG";
    const named = (allowed: boolean): Set<string> =>
      new Set(
        (rules.syscalls ?? [])
          .filter(
            ({ action, args }) => (action === "SCMP_ACT_ALLOW") === allowed && (args ?? []).length === 0,
          )
          .flatMap(({ names }) => names),
      );
    const [allows, denies] = [named(true), named(false)];
    const holes = reaching.filter((call) => (open ? !denies.has(call) : allows.has(call)));
    if (holes.length === 0) return [];
    const could = `make calls that reach past a container: ${holes.join(", ")}`;
    return [{ severity: holes.length > 5 ? "high" : "medium", subject: "seccomp", could, tighten }];
  }
  if (name === "default" || name === "strict") return [];
  if (name === undefined || name === "unconfined") {
    const could = "make every system call: the whole kernel is in reach";
    return [{ severity: "high", subject: "no seccomp filter", could, tighten }];
  }
  const could = "make the calls that this profile allows";
  const look = `mdocker seccomp check ${name}`;
  return [{ severity: "low", subject: `seccomp profile ${name}`, could, tighten: look }];
}

function auditPaths({ linux }: OciSpec): AuditFinding[] {
  const masked = linux.maskedPaths ?? [];
  const readOnly = linux.readonlyPaths ?? [];
  const found: AuditFinding[] = [];
  const tighten = "leave out --privileged and --security-opt systempaths=unconfined";
  if (!readOnly.includes("/proc/sys") || !readOnly.includes("/proc/sysrq-trigger"))
    found.push({
      severity: "high",
      subject: "/proc/sys is writable",
      could: "change the kernel's settings, and run a program on the host by core_pattern",
      tighten,
    });
  if (!masked.includes("/proc/kcore") || !masked.includes("/proc/keys"))
    found.push({
      severity: "medium",
      subject: "nothing of /proc is hidden",
      could: "read what the kernel tells of the host: memory, keys, timers",
      tighten,
    });
  return found;
}

function auditProcess({ process, linux }: OciSpec): AuditFinding[] {
  const found: AuditFinding[] = [];
  const low = (subject: string, could: string, tighten: string): void => {
    found.push({ severity: "low", subject, could, tighten });
  };
  if (process.user.uid === 0 && !hasOwnUsers({ linux }))
    low(
      "user root",
      "act as root on files of the host that it gets at",
      "--user 1000:1000, or --userns auto: root inside, nobody on the host",
    );
  if (process.noNewPrivileges !== true)
    found.push({
      severity: "medium",
      subject: "no_new_privs is off",
      could: "gain privileges by set-user-ID programs",
      tighten: "--security-opt no-new-privileges",
    });
  if ((process.oomScoreAdj ?? 0) < 0)
    low("oom_score_adj", "stay while the host's programs are killed for memory", "--oom-score-adj 0");
  const { memory, pids } = linux.resources ?? {};
  if ((memory?.limit ?? -1) < 0) low("no memory limit", "use all memory of the host", "--memory 512m");
  if ((pids?.limit ?? -1) < 0)
    found.push({
      severity: "medium",
      subject: "no limit of processes",
      could: "stop the host by a fork bomb",
      tighten: "--pids-limit 2048",
    });
  return found;
}

function auditLabels({ process }: OciSpec, { module }: AuditFacts): AuditFinding[] {
  if (module === undefined || process.selinuxLabel !== undefined || process.apparmorProfile !== undefined)
    return [];
  const [what, off] =
    module === "AppArmor"
      ? ["profile of AppArmor", "apparmor=unconfined"]
      : ["label of SELinux", "label=disable"];
  return [
    {
      severity: "medium",
      subject: `no ${what}`,
      could: "do to the host what it finds a way to: this wall does not stand behind the others",
      tighten: `leave out --privileged and --security-opt ${off}; mdocker doctor tells what is missing`,
    },
  ];
}

function auditPorts({ ports }: AuditFacts): AuditFinding[] {
  return ports
    .filter(({ address }) => address === "0.0.0.0" || address === "::" || address === "")
    .map(({ port, protocol }) => ({
      severity: "low",
      subject: `port ${port}/${protocol} on all addresses`,
      could: "be reached from every network that the host is on",
      tighten: `-p 127.0.0.1:${port}:...`,
    }));
}

const order: readonly Severity[] = ["critical", "high", "medium", "low"];

/** Says what a container of this document could do to its host. Pure. */
export function audit(spec: OciSpec, facts: AuditFacts): Audit {
  const all = [
    ...auditNamespaces(spec),
    ...auditCapabilities(spec),
    ...auditSeccomp(spec, facts),
    ...auditPaths(spec),
    ...auditMounts(spec, facts),
    ...auditDevices(spec),
    ...auditProcess(spec),
    ...auditLabels(spec, facts),
    ...auditPorts(facts),
  ];
  const findings = all
    .map((finding, i) => ({ finding, i }))
    .sort((a, b) => order.indexOf(a.finding.severity) - order.indexOf(b.finding.severity) || a.i - b.i)
    .map(({ finding }) => finding);
  const lost = findings.reduce((sum, { severity }) => sum + points[severity], 0);
  return { score: Math.max(0, 100 - lost), findings };
}
