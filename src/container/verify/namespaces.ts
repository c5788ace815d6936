import { readdirSync } from "node:fs";
import type { OciNamespaceType } from "../../core/oci.ts";
import { type Finding, findings, listed } from "./finding.ts";
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
    else if (asked.path !== undefined) add(kind, "another container's, as asked", found, own !== host);
    else add(kind, "its own", found, own !== host);
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
  add("pid 1", "1 inside", `${inner ?? "gone"} inside, ${init} here`, inner === 1);
  const outside = escaped(subject);
  add(
    "processes of its pid namespace",
    "all in its cgroup",
    outside.length === 0 ? `${processes.length} in its cgroup` : `not in it: ${listed(outside)}`,
    outside.length === 0,
  );
  return list;
}

/** Processes that are in the container's pid namespace and not in its cgroup: no limit holds for them. */
function escaped({ init, processes }: Subject): string[] {
  const own = namespaceOf(init, "pid");
  const known = new Set(processes.map(({ pid }) => pid));
  return readdirSync("/proc").filter(
    (entry) => /^\d+$/.test(entry) && !known.has(Number(entry)) && namespaceOf(entry, "pid") === own,
  );
}
