import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { detectCgroups } from "../../cgroup/host.ts";
import { listProcesses } from "../../cgroup/processes.ts";
import { listUnixSockets } from "../../net/netlink/unix-socket.ts";
import { ConflictError, hasErrno } from "../core/errors.ts";
import { socketNamespace } from "../sys/peek.ts";
import { ifAllowed, ifThere, type OpenFile, type ProcessFiles, readProcessFiles } from "./open-files.ts";
import type { ContainerRecord } from "./record.ts";

/** An open file of a container's process, and how it leads out of the container, if it does. */
interface JudgedFile extends OpenFile {
  readonly leadsOut?: string | undefined;
  /** stdin, stdout or stderr, or a copy of one: given by whoever started the container. */
  readonly standard: boolean;
}

export interface JudgedProcess extends Omit<ProcessFiles, "files"> {
  readonly files: readonly JudgedFile[];
}

/** What belongs to a container, to hold open files against. */
interface Inside {
  readonly cgroup: string;
  readonly pids: ReadonlySet<number>;
  /** Mounts by namespace: `mnt:[1]`. */
  readonly mounts: ReadonlyMap<string, ReadonlySet<number>>;
  /** Namespaces that processes of it are in, and the host is not: `net:[1]`. */
  readonly namespaces: ReadonlySet<string>;
  readonly ownNetwork: number | undefined;
  /** Peers of its unix sockets, both by inode. */
  readonly peers: ReadonlyMap<number, number>;
  /** Who else holds a pipe or socket, by its name: `held by NAME (PID)`. */
  readonly holders: ReadonlyMap<string, string>;
}

function namespacesOf(pid: number | string): string[] {
  return (ifAllowed(() => readdirSync(`/proc/${pid}/ns`)) ?? []).flatMap(
    (name) => ifAllowed(() => readlinkSync(`/proc/${pid}/ns/${name}`)) ?? [],
  );
}

/** The numbers of the mounts that a process sees: the first field of each line of mountinfo. */
function mountsOf(pid: number): Set<number> {
  const text = ifThere(() => readFileSync(`/proc/${pid}/mountinfo`, "utf8")) ?? "";
  return new Set([...text.matchAll(/^\d+/gm)].map(([id]) => Number(id)));
}

/** True for a process of the container that was started since its processes were listed. */
function isNew(pid: number | string, cgroup: string): boolean {
  const text = ifThere(() => readFileSync(`/proc/${pid}/cgroup`, "utf8")) ?? `/${cgroup}\n`;
  return text.split("\n").some((line) => line.endsWith(`/${cgroup}`) || line.includes(`/${cgroup}/`));
}

/** Who of the host's other processes holds these pipes and sockets open. */
function findHolders(
  wanted: ReadonlySet<string>,
  pids: ReadonlySet<number>,
  cgroup: string,
): Map<string, string> {
  const found = new Map<string, string>();
  if (wanted.size === 0) return found;
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry) || pids.has(Number(entry))) continue;
    for (const fd of ifAllowed(() => readdirSync(`/proc/${entry}/fd`)) ?? []) {
      const name = ifAllowed(() => readlinkSync(`/proc/${entry}/fd/${fd}`));
      if (name === undefined || !wanted.has(name) || found.has(name) || isNew(entry, cgroup)) continue;
      const command = ifAllowed(() => readFileSync(`/proc/${entry}/comm`, "utf8"))?.trim() ?? "?";
      found.set(name, `${command} (${entry})`);
    }
  }
  return found;
}

function peersOf(pid: number): Map<number, number> {
  const peers = new Map<number, number>();
  try {
    const netns = openSync(`/proc/${pid}/ns/net`, "r");
    try {
      for (const { inode, peer } of listUnixSockets(netns)) if (peer !== undefined) peers.set(inode, peer);
    } finally {
      closeSync(netns);
    }
  } catch (error) {
    // Without unix_diag in the kernel the other ends are not known, and the process may have gone.
    if (!hasErrno(error, "ENOENT", "ESRCH", "EOPNOTSUPP", "EPROTONOSUPPORT")) throw error;
  }
  return peers;
}

/** How an open file leads out of the container; undefined when it does not. */
function leadsOut(process: ProcessFiles, file: OpenFile, inside: Inside): string | undefined {
  const { name, type, inode } = file;
  if (type === "MEMFD") return name.startsWith("/memfd:mdocker") ? "a file of mdocker itself" : undefined;
  if (type === "NS")
    return inside.namespaces.has(name) ? undefined : "a namespace that is not the container's";
  if (type === "ANON") {
    const { pidfd } = file;
    const foreign =
      pidfd !== undefined && pidfd > 0 && !inside.pids.has(pidfd) && !isNew(pidfd, inside.cgroup);
    return foreign ? `process ${pidfd} of the host` : undefined;
  }
  if (name.startsWith("pipe:[")) {
    const holder = inside.holders.get(name);
    return holder === undefined ? undefined : `also held by ${holder}`;
  }
  if (name.startsWith("socket:[")) {
    const network = socketNamespace(process.pid, Number(file.fd));
    if (network !== undefined && network !== inside.ownNetwork)
      return "a socket of another network namespace";
    const peer = inside.peers.get(inode);
    const holder = inside.holders.get(name) ?? inside.holders.get(`socket:[${peer}]`);
    return holder === undefined ? undefined : `other end held by ${holder}`;
  }
  // What is on no mount at all is memory shared among its processes: /dev/zero (deleted), /SYSV00000000.
  if (!name.startsWith("/") || /^\/(dev\/zero|SYSV[0-9a-f]{8}) \(deleted\)$/.test(name)) return undefined;
  const own = inside.mounts.get(process.mountNamespace);
  if (file.mount === undefined || own?.has(file.mount)) return undefined;
  return "on a mount that is not the container's";
}

function lookInside(record: ContainerRecord, processes: readonly ProcessFiles[]): Inside {
  const init = record.init?.pid ?? 0;
  const { cgroup = "" } = record;
  const pids = new Set(processes.map(({ pid }) => pid));
  const host = new Set([
    ...namespacesOf("self"),
    ...namespacesOf(1),
    ...(record.monitor === undefined ? [] : namespacesOf(record.monitor.pid)),
  ]);
  // A namespace that a process of it has made is the container's too; that of the host is not, whoever is in it.
  const namespaces = new Set(namespacesOf(init));
  for (const pid of pids) for (const name of namespacesOf(pid)) if (!host.has(name)) namespaces.add(name);
  const mounts = new Map<string, ReadonlySet<number>>();
  const ownMounts = mountsOf(init);
  for (const { pid, mountNamespace } of processes) {
    if (mounts.has(mountNamespace)) continue;
    mounts.set(mountNamespace, host.has(mountNamespace) ? ownMounts : mountsOf(pid));
  }
  const peers = peersOf(init);
  const wanted = new Set<string>();
  for (const { files } of processes) {
    for (const { name, inode } of files) {
      if (!/^(pipe|socket):\[/.test(name)) continue;
      wanted.add(name);
      const peer = peers.get(inode);
      if (peer !== undefined) wanted.add(`socket:[${peer}]`);
    }
  }
  const ownNetwork = ifThere(() => statSync(`/proc/${init}/ns/net`).ino);
  return { pids, mounts, namespaces, ownNetwork, peers, holders: findHolders(wanted, pids, cgroup), cgroup };
}

/**
 * All open files of a container's processes, by pid, with what leads out of it.
 * @throws ConflictError when it does not run.
 */
export function listOpenFiles(record: ContainerRecord): JudgedProcess[] {
  if ((record.state !== "running" && record.state !== "paused") || record.cgroup === undefined) {
    throw new ConflictError(`container ${record.name} is not running`);
  }
  const pids = listProcesses(detectCgroups(), record.cgroup, record.init?.pid).sort((a, b) => a - b);
  const processes = pids.flatMap((pid) => readProcessFiles(pid) ?? []);
  const inside = lookInside(record, processes);
  // A directory is nobody's standard stream.
  const standard = new Set(
    processes.flatMap(({ files }) =>
      files.filter(({ fd, type }) => /^[012]$/.test(fd) && type !== "DIR").map(({ name }) => name),
    ),
  );
  return processes.map((process) => ({
    ...process,
    files: process.files.map((file) => {
      const out = leadsOut(process, file, inside);
      return { ...file, leadsOut: out, standard: out !== undefined && standard.has(file.name) };
    }),
  }));
}
