import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { OciNamespaceType } from "../../core/oci.ts";
import { ifAllowed, ifThere } from "../open-files.ts";
import { sharesProcesses } from "../spec.ts";
import { type Finding, findings, listed } from "./finding.ts";
import { isLimited } from "./limits.ts";
import { named, namespaceOf, type Subject } from "./subject.ts";

/** The kinds of namespaces, as /proc/PID/ns and as the OCI document name them. */
const kinds: readonly (readonly [string, OciNamespaceType])[] = [
  ["pid", "pid"],
  ["mnt", "mount"],
  ["net", "network"],
  ["ipc", "ipc"],
  ["uts", "uts"],
  ["cgroup", "cgroup"],
  ["user", "user"],
  ["time", "time"],
];

/** The host's namespaces are those of the monitor, which was started there; without one, ours. */
function hostNamespace({ record }: Subject, kind: string): string | undefined {
  const monitor = record.monitor === undefined ? undefined : namespaceOf(record.monitor.pid, kind);
  return monitor ?? namespaceOf("self", kind);
}

const inodeOf = (name: string | undefined): string => /\[(\d+)\]/.exec(name ?? "")?.[1] ?? "unknown";

/** Each namespace of pid 1 against the host's, and those of every process against pid 1's. */
export function verifyNamespaces(subject: Subject): Finding[] {
  const { spec, init, processes } = subject;
  const { list, add } = findings("namespaces");
  for (const [kind, type] of kinds) {
    const own = namespaceOf(init, kind);
    const host = hostNamespace(subject, kind);
    if (own === undefined) continue;
    const asked = spec.linux.namespaces.find((namespace) => namespace.type === type);
    const found = `${inodeOf(own)} (host: ${inodeOf(host)})`;
    if (asked === undefined) add(kind, "the host's, as asked", found, own === host);
    else if (asked.path !== undefined) {
      // Where that one has ended, its namespace lives on in this one.
      const theirs = ifAllowed(() => readlinkSync(asked.path ?? ""));
      add(kind, "another container's, as asked", found, theirs === undefined ? own !== host : own === theirs);
    } else add(kind, "its own", found, own !== host);
    const strangers = processes.filter(({ pid }) => {
      const theirs = namespaceOf(pid, kind);
      // A process may have made one of its own inside; it must not be in the host's.
      return theirs !== undefined && theirs !== own && (theirs === host || asked === undefined);
    });
    if (strangers.length > 0) {
      add(`${kind} of all processes`, "that of pid 1", listed(strangers.map(named)), false);
    }
  }
  const [inner] = processes.filter(({ pid }) => pid === init).map(({ pids }) => pids.at(-1));
  if (sharesProcesses(spec))
    add("init", "not pid 1, as asked", `${inner ?? "gone"} inside, ${init} here`, inner !== 1);
  else add("pid 1", "1 inside", `${inner ?? "gone"} inside, ${init} here`, inner === 1);
  const { escaped, visitors } = findOthers(subject);
  const inside = `${processes.length} in its cgroup`;
  const all = "all in its cgroup";
  add(
    "processes of its pid namespace",
    all,
    escaped.length === 0 ? inside : `not in it: ${listed(escaped)}`,
    escaped.length === 0,
  );
  add("others in its namespaces", "none", visitors.length === 0 ? "none" : listed(visitors));
  return list;
}

/** Another container that was asked to share this one's network says so by where its processes are. */
function isContainer({ instance }: Subject, pid: string): boolean {
  const text = ifThere(() => readFileSync(`/proc/${pid}/cgroup`, "utf8")) ?? "";
  return new RegExp(`/${instance.prefix}/[0-9a-f]{64}(/|$)`, "m").test(text);
}

/** The monitor of a command executed inside: mdocker's own program, in the host's pid namespace. */
function isMonitor(pid: string): boolean {
  return ifAllowed(() => readlinkSync(`/proc/${pid}/exe`))?.startsWith("/memfd:mdocker-") === true;
}

/**
 * Processes outside of the cgroup, for which no limit holds: those of its own pid namespace, and those of the host that
 * have entered another namespace of it.
 */
function findOthers(subject: Subject): { readonly escaped: string[]; readonly visitors: string[] } {
  const { init, processes, spec } = subject;
  const known = new Set(processes.map(({ pid }) => pid));
  const own = kinds
    .filter(([, type]) =>
      spec.linux.namespaces.some((asked) => asked.type === type && asked.path === undefined),
    )
    .map(([kind]) => [kind, namespaceOf(init, kind)] as const)
    .filter(([, name]) => name !== undefined);
  const escaped: string[] = [];
  const visitors: string[] = [];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || known.has(Number(pid))) continue;
    const shared = own.filter(([kind, name]) => namespaceOf(pid, kind) === name).map(([kind]) => kind);
    // One that was started since they were listed is where it should be.
    if (shared.length === 0 || isLimited(subject, pid)) continue;
    // Another container may have been asked to share all but these.
    const sharing = !shared.includes("mnt") && !shared.includes("cgroup") && isContainer(subject, pid);
    if (sharing) continue;
    if (shared.includes("pid")) escaped.push(pid);
    else if (!isMonitor(pid)) {
      const name = ifThere(() => readFileSync(`/proc/${pid}/comm`, "utf8"))?.trim() ?? "?";
      visitors.push(`${name} (${pid}): ${shared.join(", ")}`);
    }
  }
  return { escaped, visitors };
}
