import { dirname } from "node:path";
import type { SetUpPlace } from "../../cgroup/set-up-place.ts";
import type { OverlayPlan } from "../../overlay/layers.ts";
import { boundDevices, populateDev } from "../../rootfs/devices.ts";
import { maskPath, pinNull, protectPath, writeSysctl } from "../../rootfs/masks.ts";
import {
  bindMount,
  makeDirectories,
  type OpenedSource,
  openSources,
  sharesEvents,
  systemMount,
} from "../../rootfs/mounts.ts";
import { enterRoot, freezeRoot, isolateMounts, leaveHost, mountOverlay } from "../../rootfs/pivot.ts";
import type { OciMount, OciNamespaceType, OciSpec } from "../core/oci.ts";
import { chdir, close, open, write } from "../program/calls/file.ts";
import { setHostname, setUmask } from "../program/calls/identity.ts";
import {
  clone,
  joinNamespace,
  prctl,
  setName,
  setSignalMask,
  unshareNamespaces,
} from "../program/calls/process.ts";
import { openTerminal, receiveDescriptor } from "../program/calls/terminal.ts";
import { cloneTree } from "../program/calls/tree.ts";
import { cell } from "../program/data.ts";
import { openFlags } from "../program/flags.ts";
import { type Program, ProgramBuilder, type Step, type StepRef } from "../program/step.ts";
import type { DeviceLink } from "../security/devices.ts";
import { cloneFlags } from "../sys/namespaces.ts";
import { addAfter, type Remains } from "./after.ts";
import { awaitParent, becomeCommand, dieWithMonitor, joinMemory } from "./command.ts";
import { fifoNames } from "./fifos.ts";
import { inherited } from "./inherited.ts";
import { contextOption, labelCommand } from "./label.ts";
import { confineInit } from "./privileges.ts";
import { sharesProcesses } from "./spec.ts";
import type { UsersProgram } from "./users/program.ts";

const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;

/** What the program needs to know beyond the OCI document. */
export interface ProgramFacts extends Remains {
  readonly spec: OciSpec;
  readonly init: boolean;
  readonly interactive: boolean;
  /** The container ends with the mdocker process that runs it. */
  readonly foreground: boolean;
  readonly overlay: Pick<OverlayPlan, "options" | "cwd">;
  /** cgroup v1: the cgroup.procs files that the child writes itself into. */
  readonly cgroupJoin: readonly string[];
  /** cgroup v2: a directory descriptor is inherited and the child is born in it. */
  readonly cgroupBirth: boolean;
  /** Set for a container with so little memory that building its root would take most of it: it is built outside. */
  readonly setUpPlace?: SetUpPlace | undefined;
  /** What is mounted below /sys/fs/cgroup. */
  readonly cgroupMounts: readonly OciMount[];
  /** Files whose content the monitor adds to the exit record. */
  readonly watch: readonly string[];
  /** Every step tells how long it took. */
  readonly traced: boolean;
  readonly seccomp?: { readonly filter: Uint8Array; readonly name: string } | undefined;
  readonly deviceLinks: readonly DeviceLink[];
  /** Sysctls that the kernel may lack: set where it has them. */
  readonly optionalSysctls: ReadonlySet<string>;
  readonly isDirectory: (path: string) => boolean;
  /** The devices are those of the host, bound: who is root of a user namespace only can make none. */
  readonly rootless?: boolean;
  /** The container has users of its own. */
  readonly users?: UsersProgram | undefined;
}

function newNamespaces(spec: OciSpec): number {
  let flags = 0;
  for (const { type, path } of spec.linux.namespaces) {
    // The cgroup namespace is made by the child itself, once it is in its cgroup: its root is where its maker stands.
    // Clocks can be moved only before the first process comes: the launcher has made their namespace already.
    if (path === undefined && type !== "cgroup" && type !== "time") flags |= cloneFlags[type];
  }
  return flags;
}

/** Another's pid namespace holds for who is cloned, so it is the launcher that joins it. */
function joinProcesses(builder: ProgramBuilder, { linux }: OciSpec): void {
  const path = linux.namespaces.find(({ type }) => type === "pid")?.path;
  if (path === undefined) return;
  const reason = "what is cloned from here on is a process among those of the other container";
  const fd = builder.add("launch", open(path, openFlags.O_RDONLY, { reason, label: `open ${path}` }));
  builder.add("launch", joinNamespace(fd, cloneFlags.pid, reason));
  builder.add("launch", close(fd, "joined"));
}

/** time_namespaces(7): the offsets are written before a process is in it, and hold for those that are cloned. */
function moveClocks(builder: ProgramBuilder, { linux }: OciSpec): void {
  const offsets = Object.entries(linux.timeOffsets ?? {});
  if (offsets.length === 0) return;
  const reason = "the container's clocks are moved, the host's are not";
  const label = "--time-offset";
  const lines = offsets.map(([clock, { secs, nanosecs }]) => `${clock} ${secs} ${nanosecs}\n`).join("");
  builder.add("launch", unshareNamespaces(cloneFlags.time, "a time namespace for what is cloned"));
  const fd = builder.add("launch", open("/proc/self/timens_offsets", openFlags.O_WRONLY, { reason, label }));
  builder.add("launch", write(fd, lines, { reason, label }));
  builder.add("launch", close(fd, "written"));
}

function addLaunch(builder: ProgramBuilder, facts: ProgramFacts): void {
  const add = (...steps: Parameters<ProgramBuilder["addAll"]>[1][number][]): void =>
    builder.addAll("launch", steps);
  // While these files are still ours, whoever we are: those of who is not dumpable are root's.
  labelCommand(builder, facts.spec.process);
  add(
    setSignalMask(true, "no signal may end the monitor, and pid 1 wants to fetch them"),
    prctl(
      PR_SET_DUMPABLE,
      "PR_SET_DUMPABLE",
      [0],
      "nobody may open our memory or binary through /proc (CVE-2019-5736)",
    ),
    setName("mdocker-monitor"),
    chdir("/", "hold no directory of the host busy"),
  );
  joinProcesses(builder, facts.spec);
  moveClocks(builder, facts.spec);
  facts.users?.prepare(builder);
  add(
    clone({
      flags: newNamespaces(facts.spec),
      target: "child",
      cgroupFd: facts.cgroupBirth ? inherited.cgroup : undefined,
      reason: "the container's first process, born in its namespaces",
    }),
  );
  for (const fd of [0, 1, 2, 3, inherited.sync, ...(facts.cgroupBirth ? [inherited.cgroup] : [])]) {
    add(close(fd, "the monitor keeps only its control stream"));
  }
  facts.users?.leave(builder);
  if (!facts.foreground && facts.spec.process.terminal === true)
    add(receiveDescriptor(inherited.control, "the terminal outlives whoever looks at it"));
}

function joinCgroups(builder: ProgramBuilder, facts: ProgramFacts): void {
  for (const file of facts.cgroupJoin) {
    const reason = "limits hold before the first instruction of the command";
    const fd = builder.add("child", open(file, openFlags.O_WRONLY, { reason, label: `join cgroup ${file}` }));
    builder.add("child", write(fd, "0", { reason, label: `join cgroup ${file}` }));
    builder.add("child", close(fd, "joined"));
  }
}

/**
 * Opens what the child leaves the container's memory cgroup by until its root is built, and comes back by: before it has
 * a cgroup namespace of its own, out of which nobody moves where the tree is mounted with nsdelegate. Memory is charged
 * to the cgroup that a process is in when it takes it, and stays there.
 */
function openMemory(builder: ProgramBuilder, { own, outside }: SetUpPlace): { out: StepRef; back: StepRef } {
  const opened = (file: string, reason: string, tolerate: readonly string[] = []): StepRef =>
    builder.add("child", open(file, openFlags.O_WRONLY, { reason, tolerate, label: `open ${file}` }));
  return {
    // Who may not leave builds it within the limit, as others do.
    out: opened(outside, "to build the root outside", ["EACCES", "EPERM", "ENOENT", "EROFS"]),
    back: opened(own, "to come back then"),
  };
}

function joinOthers(builder: ProgramBuilder, spec: OciSpec): void {
  const flagOf = (type: OciNamespaceType): number => cloneFlags[type];
  for (const { type, path } of spec.linux.namespaces) {
    if (path === undefined || type === "pid") continue;
    const reason = `share the ${type} namespace of another`;
    const fd = builder.add("child", open(path, openFlags.O_RDONLY, { reason, label: `open ${path}` }));
    builder.add("child", joinNamespace(fd, flagOf(type), reason));
    builder.add("child", close(fd, "joined"));
  }
  if (spec.linux.namespaces.some(({ type, path }) => type === "cgroup" && path === undefined)) {
    builder.add("child", unshareNamespaces(cloneFlags.cgroup, "its own cgroup is the root of what it sees"));
  }
}

const mountReasons: Readonly<Record<string, string>> = {
  "/proc": "the container sees only its own processes",
  "/dev": "a fresh /dev with the few devices below",
  "/dev/pts": "terminals of its own",
  "/sys": "kernel objects of its own network namespace, read-only",
  "/dev/mqueue": "POSIX message queues of its own ipc namespace",
  "/dev/shm": "POSIX shared memory",
};

const othersShm = /^\/proc\/\d+(?=\/root\/dev\/shm$)/;

function isAnothersShm({ destination, source = "" }: OciMount): boolean {
  return destination === "/dev/shm" && othersShm.test(source);
}

/** A mount of another container can be copied only by who is in its mount namespace: for that one call the child is. */
function openOthers(builder: ProgramBuilder, { source = "" }: OciMount): OpenedSource {
  const [process = ""] = othersShm.exec(source) ?? [];
  const label = "share /dev/shm";
  const reason = "the shared memory of the other container";
  const add = (step: Step): StepRef => builder.add("child", step);
  const own = add(open("/proc/self/ns/mnt", openFlags.O_RDONLY, { reason: "to come back", label }));
  const other = add(open(`${process}/ns/mnt`, openFlags.O_RDONLY, { reason, label }));
  add(joinNamespace(other, cloneFlags.mount, reason));
  const tree = add(cloneTree("/dev/shm", false, label, reason));
  add(joinNamespace(own, cloneFlags.mount, "back again, with nothing but that mount"));
  add(close(other, "copied"));
  add(close(own, "back"));
  return { tree, directory: true };
}

function missing({ destination }: OciMount): never {
  throw new Error(`${destination}: its source was not opened`);
}

/** Who is root of a user namespace alone makes no device, and mounts what the kernel lets it. */
function ownsNoHost({ rootless, users }: ProgramFacts): boolean {
  return rootless === true || users !== undefined;
}

/** Mounts the overlay, and opens what is to be bound into it. */
function openOwnSources(
  builder: ProgramBuilder,
  facts: ProgramFacts,
): Pick<UsersProgram, "devices" | "sources"> {
  const { spec } = facts;
  const shared = openSources(builder, spec.mounts.filter(sharesEvents), facts.isDirectory);
  isolateMounts(builder);
  mountOverlay(builder, spec.root.path, facts.overlay.options, facts.overlay.cwd);
  const theirs = spec.mounts.filter(isAnothersShm);
  const devices = facts.rootless === true ? boundDevices(spec.linux.devices ?? []) : [];
  const sources = new Map([
    ...shared,
    ...openSources(
      builder,
      spec.mounts.filter((item) => !sharesEvents(item) && !theirs.includes(item)),
      facts.isDirectory,
    ),
    ...openSources(builder, devices, () => false),
    ...theirs.map((item) => [item, openOthers(builder, item)] as const),
  ]);
  return { devices, sources };
}

/** What is mounted for the container alone has the label of its files, where it has one. */
function contextOf({ type }: OciMount, { linux }: OciSpec): string | undefined {
  const { mountLabel } = linux;
  return mountLabel === undefined || (type !== "tmpfs" && type !== "devpts")
    ? undefined
    : contextOption(mountLabel);
}

function addMounts(builder: ProgramBuilder, facts: ProgramFacts): void {
  const { spec, users } = facts;
  const { devices, sources } = users ?? openOwnSources(builder, facts);
  if (users === undefined) enterRoot(builder, spec.root.path);
  else users.enter(builder);
  // In a user namespace the kernel mounts a new /proc or /sys only as long as one is in sight (mount_too_revealing).
  const lastInSight = ownsNoHost(facts)
    ? spec.mounts.findLast(({ type }) => type === "proc" || type === "sysfs")
    : undefined;
  if (lastInSight === undefined) leaveHost(builder);
  const containers = dirname(dirname(spec.root.path));
  const masked = (spec.linux.maskedPaths ?? []).length > 0;
  // The first one is mdocker's own; the user may have mounted on /dev too.
  const dev = spec.mounts.find(({ destination }) => destination === "/dev");
  for (const item of spec.mounts) {
    const opened = sources.get(item);
    if (opened !== undefined) {
      // Images have links in place of /etc/resolv.conf that lead nowhere until their own services run.
      bindMount(builder, item, opened, item.source?.startsWith(`${containers}/`) !== true);
    } else if (item.type === "cgroup") {
      for (const cgroup of facts.cgroupMounts) systemMount(builder, cgroup, "its own cgroup");
    } else {
      const shown =
        item.destination === "/proc" && sharesProcesses(spec) ? "the processes that it is among" : undefined;
      systemMount(
        builder,
        item,
        shown ?? mountReasons[item.destination] ?? "as --tmpfs asks",
        contextOf(item, spec),
      );
      if (item.destination === "/dev") {
        populateDev(builder, ownsNoHost(facts) ? [] : (spec.linux.devices ?? []), facts.deviceLinks);
        for (const device of devices)
          bindMount(builder, device, sources.get(device) ?? missing(device), false);
      }
      if (item === dev && masked) pinNull(builder);
      if (item === lastInSight) leaveHost(builder);
    }
  }
}

/** Returns what leads back into the memory cgroup, for who has left it. */
function addChild(builder: ProgramBuilder, facts: ProgramFacts): StepRef | undefined {
  const { spec } = facts;
  joinCgroups(builder, facts);
  builder.addAll("child", [
    close(inherited.control, "only the monitor speaks on it"),
    close(inherited.record, "only the monitor writes the exit record"),
    close(3, "the program is mapped"),
    dieWithMonitor(),
    setName("mdocker-init"),
    setUmask(0, "modes of what is made here are exact"),
  ]);
  if (facts.init && sharesProcesses(spec)) {
    const reason = "what loses its parent becomes our child: we are not pid 1";
    builder.add("child", prctl(PR_SET_CHILD_SUBREAPER, "PR_SET_CHILD_SUBREAPER", [1], reason));
  }
  const memory = facts.setUpPlace === undefined ? undefined : openMemory(builder, facts.setUpPlace);
  joinOthers(builder, spec);
  if (memory !== undefined) {
    const reason = "what the kernel needs to build the root is not taken from so small a limit";
    const tolerate = ["EBADF", "EACCES", "EBUSY", "EOPNOTSUPP"];
    builder.add(
      "child",
      write(memory.out, "0", { reason, tolerate, skip: 1, label: "leave the memory cgroup" }),
    );
    builder.add("child", close(memory.out, "outside"));
  }
  addMounts(builder, facts);
  if (
    spec.hostname !== undefined &&
    spec.linux.namespaces.some(({ type, path }) => type === "uts" && path === undefined)
  ) {
    builder.add("child", setHostname(spec.hostname));
  }
  for (const [name, value] of Object.entries(spec.linux.sysctl ?? {})) {
    writeSysctl(builder, name, value, facts.optionalSysctls.has(name));
  }
  if (spec.process.terminal === true) openTerminal(builder, inherited.sync, spec.process.user.uid);
  for (const path of spec.linux.maskedPaths ?? []) maskPath(builder, path);
  for (const path of spec.linux.readonlyPaths ?? []) protectPath(builder, path);
  makeDirectories(builder, spec.process.cwd, "the working directory of the command");
  if (spec.root.readonly === true) freezeRoot(builder);
  awaitParent(builder, "wait until the network is there; if the parent has given up instead, so do we");
  return memory?.back;
}

function addCommand(builder: ProgramBuilder, facts: ProgramFacts, back: StepRef | undefined): void {
  if (facts.init) {
    builder.add(
      "child",
      clone({ flags: 0, target: "command", reason: "pid 1 is init; the command is its child" }),
    );
    // Each comes back for itself: a clone of one that is back already would be charged.
    if (back !== undefined) builder.add("child", joinMemory(back));
    confineInit(builder, facts.traced);
  }
  becomeCommand(builder, facts.init ? "command" : "child", {
    // Only the launcher, which is root of the host, may set the score.
    process: facts.users?.process ?? facts.spec.process,
    interactive: facts.interactive,
    seccomp: facts.seccomp,
    memory: back,
    // With init it is pid 1 that dies with the monitor, and the command with pid 1.
    // Where it is not pid 1, the kernel ends nothing with init by itself.
    diesWithMonitor: !facts.init || sharesProcesses(facts.spec),
  });
}

/**
 * What was written before the end still lies in the FIFOs, which live as long as somebody has them open: the monitor
 * tells the supervisor of the end, and stays until one has collected everything.
 */
function addLinger(builder: ProgramBuilder): void {
  const [ended, collected] = [
    inherited.hold + fifoNames.indexOf("ended"),
    inherited.hold + fifoNames.indexOf("collected"),
  ];
  builder.add(
    "after",
    write(ended, "x", { reason: "the supervisor learns of the end", label: "tell of the end" }),
  );
  builder.add("after", {
    kind: "syscall",
    call: "read",
    args: [collected, cell(8), 1],
    text: () => `read(${collected}, &byte, 1)`,
    reason: "until the supervisor has read what the container wrote",
    label: "wait for the supervisor",
  });
}

/** The program that makes this container, from the launcher's first call to execve. Pure but for `isDirectory`. */
export function buildProgram(facts: ProgramFacts): Program {
  const builder = new ProgramBuilder();
  addLaunch(builder, facts);
  const back = addChild(builder, facts);
  addCommand(builder, facts, back);
  addAfter(builder, facts);
  if (!facts.foreground) addLinger(builder);
  return builder.build({
    init: facts.init,
    hangupKills: facts.foreground,
    lingers: !facts.foreground,
    controlFd: inherited.control,
    syncFd: inherited.sync,
    traceFd: facts.traced ? inherited.trace : undefined,
    record: { directoryFd: inherited.record, name: "exit", watch: facts.watch },
  });
}
