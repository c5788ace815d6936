import { dirname } from "node:path";
import type { OverlayPlan } from "../../overlay/layers.ts";
import { populateDev } from "../../rootfs/devices.ts";
import { maskPath, pinNull, protectPath, writeSysctl } from "../../rootfs/masks.ts";
import { bindMount, makeDirectories, openSources, sharesEvents, systemMount } from "../../rootfs/mounts.ts";
import { enterRoot, freezeRoot, isolateMounts, mountOverlay } from "../../rootfs/pivot.ts";
import { UsageError } from "../core/errors.ts";
import type { OciMount, OciNamespaceType, OciSpec } from "../core/oci.ts";
import { expectValue } from "../program/calls/check.ts";
import { chdir, close, duplicate, open, write } from "../program/calls/file.ts";
import { setHostname, setSeccompFilter, setUmask } from "../program/calls/identity.ts";
import {
  clone,
  closeFrom,
  exec,
  joinNamespace,
  prctl,
  setName,
  setSession,
  setSignalMask,
  unshareNamespaces,
} from "../program/calls/process.ts";
import { openTerminal, receiveDescriptor, takeTerminal } from "../program/calls/terminal.ts";
import { cell } from "../program/data.ts";
import { openFlags } from "../program/flags.ts";
import { type Program, ProgramBuilder, type Step } from "../program/step.ts";
import type { DeviceLink } from "../security/devices.ts";
import { cloneFlags } from "../sys/namespaces.ts";
import { addAfter, type Remains } from "./after.ts";
import { execCandidates } from "./exec-paths.ts";
import { fifoNames } from "./fifos.ts";
import { addPrivileges, confineInit } from "./privileges.ts";

/**
 * Numbers under which the launcher inherits what the parent opened for it; 3 is the program. From `hold` on: the FIFOs
 * of a detached container, in the order of src/container/fifos.ts.
 */
export const inherited = { control: 4, sync: 5, record: 6, cgroup: 7, trace: 8, hold: 9 } as const;

const PR_SET_DUMPABLE = 4;
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

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

function dieWithMonitor(): Step {
  return prctl(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", [SIGKILL], "no container without its monitor");
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
  awaitParent(builder);
}

/** The child is ready; it goes on when the parent has set up the network and says so by one byte. */
function awaitParent(builder: ProgramBuilder): void {
  const byte = cell(8);
  const reason = "wait until the network is there; if the parent has given up instead, so do we";
  builder.add("child", {
    kind: "syscall",
    call: "read",
    args: [inherited.sync, byte, 1],
    text: () => `read(${inherited.sync}, &word, 1)`,
    reason,
    label: "wait for the parent",
  });
  builder.add(
    "child",
    expectValue({
      data: byte,
      width: 1,
      value: 1n,
      errno: "ECANCELED",
      text: "word == 1",
      reason,
      label: "wait for the parent",
    }),
  );
}

function addCommand(builder: ProgramBuilder, facts: ProgramFacts): void {
  const part = facts.init ? "command" : "child";
  const { spec } = facts;
  const { process } = spec;
  const command = process.args[0];
  if (command === undefined || command === "")
    throw new UsageError("no command: the image names none, so give one");
  if (facts.init) {
    builder.add(
      "child",
      clone({ flags: 0, target: "command", reason: "pid 1 is init; the command is its child" }),
    );
    confineInit(builder);
  }
  builder.add(part, setSession("a session of its own: no signals from the host's terminal"));
  if (process.terminal === true) {
    takeTerminal(builder, part);
  } else if (!facts.interactive) {
    const fd = builder.add(
      part,
      open("/dev/null", openFlags.O_RDONLY, { reason: "no stdin without -i", label: "open /dev/null" }),
    );
    builder.add(part, duplicate(fd, 0, "stdin is empty"));
  }
  if (process.oomScoreAdj !== undefined) {
    const label = "set oom_score_adj";
    const fd = builder.add(
      part,
      open("/proc/self/oom_score_adj", openFlags.O_WRONLY, { reason: "--oom-score-adj", label }),
    );
    builder.add(part, write(fd, String(process.oomScoreAdj), { reason: "--oom-score-adj", label }));
    builder.add(part, close(fd, "written"));
  }
  builder.add(
    part,
    chdir(process.cwd, "the working directory", `enter the working directory ${process.cwd}`),
  );
  expectInside(builder, part);
  builder.add(part, setUmask(process.user.umask ?? 0o022, "permissions of the files that the command makes"));
  addPrivileges(builder, part, process, facts.seccomp);
  // The kernel forgets it when a process becomes another user (prctl(2)), and pid 1 is the one that does so here.
  if (!facts.init) builder.add(part, dieWithMonitor());
  builder.add(part, setSignalMask(false, "the command starts with no signal blocked"));
  builder.add(part, closeFrom(3, true, "no descriptor of the host goes along (CVE-2024-21626)"));
  // With no_new_privs the filter needs no privilege, so it comes last and lets nothing but execve through.
  if (facts.seccomp !== undefined && process.noNewPrivileges === true) {
    builder.add(part, setSeccompFilter(facts.seccomp.filter, facts.seccomp.name));
  }
  const candidates = execCandidates(command, process.env);
  candidates.forEach((path, i) => {
    const tolerate = i < candidates.length - 1 ? ["ENOENT", "ENOTDIR", "EACCES"] : [];
    builder.add(part, exec(path, process.args, process.env, tolerate));
  });
}

/** A working directory reached through a leaked descriptor shows as `(unreachable)`: it must begin with a slash. */
function expectInside(builder: ProgramBuilder, part: "child" | "command"): void {
  const path = cell(4096);
  const reason = "the working directory lies inside the container (CVE-2024-21626)";
  const label = "check the working directory";
  builder.add(part, {
    kind: "syscall",
    call: "getcwd",
    args: [path, 4096],
    text: () => "getcwd(path, 4096)",
    reason,
    label,
  });
  builder.add(
    part,
    expectValue({
      data: path,
      width: 1,
      value: 0x2fn,
      errno: "EPERM",
      text: "path[0] == '/'",
      reason,
      label,
    }),
  );
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
    controlFd: inherited.control,
    syncFd: inherited.sync,
    traceFd: facts.traced ? inherited.trace : undefined,
    record: { directoryFd: inherited.record, name: "exit", watch: facts.watch },
  });
}
