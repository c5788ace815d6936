import { dirname } from "node:path";
import type { OverlayPlan } from "../../overlay/layers.ts";
import { populateDev } from "../../rootfs/devices.ts";
import { maskPath, pinNull, protectPath, writeSysctl } from "../../rootfs/masks.ts";
import { bindMount, makeDirectories, openSources, sharesEvents, systemMount } from "../../rootfs/mounts.ts";
import { enterRoot, freezeRoot, isolateMounts, mountOverlay } from "../../rootfs/pivot.ts";
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
import { cell } from "../program/data.ts";
import { openFlags } from "../program/flags.ts";
import { type Program, ProgramBuilder } from "../program/step.ts";
import type { DeviceLink } from "../security/devices.ts";
import { cloneFlags } from "../sys/namespaces.ts";
import { addAfter, type Remains } from "./after.ts";
import { awaitParent, becomeCommand, dieWithMonitor } from "./command.ts";
import { fifoNames } from "./fifos.ts";
import { inherited } from "./inherited.ts";
import { confineInit } from "./privileges.ts";

const PR_SET_DUMPABLE = 4;

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
}

function newNamespaces(spec: OciSpec): number {
  let flags = 0;
  for (const { type, path } of spec.linux.namespaces) {
    // The cgroup namespace is made by the child itself, once it is in its cgroup: its root is where its maker stands.
    if (path === undefined && type !== "cgroup") flags |= cloneFlags[type];
  }
  return flags;
}

function addLaunch(builder: ProgramBuilder, facts: ProgramFacts): void {
  const add = (...steps: Parameters<ProgramBuilder["addAll"]>[1][number][]): void =>
    builder.addAll("launch", steps);
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

function joinOthers(builder: ProgramBuilder, spec: OciSpec): void {
  const flagOf = (type: OciNamespaceType): number => cloneFlags[type];
  for (const { type, path } of spec.linux.namespaces) {
    if (path === undefined) continue;
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

function addMounts(builder: ProgramBuilder, facts: ProgramFacts): void {
  const { spec } = facts;
  const shared = openSources(builder, spec.mounts.filter(sharesEvents), facts.isDirectory);
  isolateMounts(builder);
  mountOverlay(builder, spec.root.path, facts.overlay.options, facts.overlay.cwd);
  const sources = openSources(
    builder,
    spec.mounts.filter((item) => !sharesEvents(item)),
    facts.isDirectory,
  );
  enterRoot(builder, spec.root.path);
  const containers = dirname(dirname(spec.root.path));
  const masked = (spec.linux.maskedPaths ?? []).length > 0;
  // The first one is mdocker's own; the user may have mounted on /dev too.
  const dev = spec.mounts.find(({ destination }) => destination === "/dev");
  for (const item of spec.mounts) {
    const opened = sources.get(item) ?? shared.get(item);
    if (opened !== undefined) {
      // Images have links in place of /etc/resolv.conf that lead nowhere until their own services run.
      bindMount(builder, item, opened, item.source?.startsWith(`${containers}/`) !== true);
    } else if (item.type === "cgroup") {
      for (const cgroup of facts.cgroupMounts) systemMount(builder, cgroup, "its own cgroup, read-only");
    } else {
      systemMount(builder, item, mountReasons[item.destination] ?? "as --tmpfs asks");
      if (item.destination === "/dev")
        builder.addAll("child", populateDev(spec.linux.devices ?? [], facts.deviceLinks));
      if (item === dev && masked) pinNull(builder);
    }
  }
}

function addChild(builder: ProgramBuilder, facts: ProgramFacts): void {
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
  joinOthers(builder, spec);
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
}

function addCommand(builder: ProgramBuilder, facts: ProgramFacts): void {
  if (facts.init) {
    builder.add(
      "child",
      clone({ flags: 0, target: "command", reason: "pid 1 is init; the command is its child" }),
    );
    confineInit(builder, facts.traced);
  }
  becomeCommand(builder, facts.init ? "command" : "child", {
    process: facts.spec.process,
    interactive: facts.interactive,
    seccomp: facts.seccomp,
    // With init it is pid 1 that dies with the monitor, and the command with pid 1.
    diesWithMonitor: !facts.init,
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
  addChild(builder, facts);
  addCommand(builder, facts);
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
