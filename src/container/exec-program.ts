import type { OciProcess } from "../core/oci.ts";
import { close, open, write } from "../program/calls/file.ts";
import { becomeUser } from "../program/calls/identity.ts";
import { clone, closeFrom, joinNamespace, prctl, setName, setSignalMask } from "../program/calls/process.ts";
import { openFurtherTerminal, receiveDescriptor } from "../program/calls/terminal.ts";
import { openFlags } from "../program/flags.ts";
import { type Program, ProgramBuilder, type StepRef } from "../program/step.ts";
import { cloneFlags } from "../sys/namespaces.ts";
import { removeAt } from "./after.ts";
import { awaitParent, becomeCommand, dieWithMonitor } from "./command.ts";
import type { ExecLifetime, ExecRequest } from "./exec-request.ts";
import { inherited } from "./inherited.ts";
import { labelCommand } from "./label.ts";

const PR_SET_DUMPABLE = 4;
const CLONE_NEWPID = cloneFlags.pid;

/** What the launcher inherits besides: the directory of all execs of the container, and a pidfd of its pid 1. */
const directories: number = inherited.hold;
const target: number = inherited.hold + 1;

/** What the program of an exec is made from. */
export interface ExecFacts {
  readonly id: string;
  /** Complete: user, capabilities, limits, environment and working directory as the command shall have them. */
  readonly process: OciProcess;
  readonly size: ExecRequest["size"];
  readonly lifetime: ExecLifetime;
  /** Types of namespaces to join besides the usual ones: `user`, `time`. */
  readonly userNamespace: boolean;
  /** The cgroup namespace's file below /proc, where the container has users of its own. */
  readonly cgroupNamespace?: string | undefined;
  readonly timeNamespace: boolean;
  /** cgroup v1: the `tasks` files. */
  readonly tasks: readonly string[];
  /** cgroup v2: a directory descriptor is inherited and the child is born in it. */
  readonly cgroupBirth: boolean;
  /** The command's oom_score_adj, where it is another than ours. */
  readonly oomScoreAdj: { readonly wanted: string; readonly own: string } | undefined;
  readonly seccomp: { readonly filter: Uint8Array; readonly name: string } | undefined;
}

function joined({ userNamespace, timeNamespace }: ExecFacts): number {
  return (
    cloneFlags.mount |
    cloneFlags.uts |
    cloneFlags.ipc |
    cloneFlags.network |
    CLONE_NEWPID |
    (userNamespace ? cloneFlags.user : 0) |
    (timeNamespace ? cloneFlags.time : 0)
  );
}

/** What the launcher has opened for the child while the host's files were in sight. */
interface Opened {
  readonly tasks: readonly StepRef[];
  readonly cgroupNamespace: StepRef | undefined;
}

/** The launcher, later the monitor. */
function addLaunch(builder: ProgramBuilder, facts: ExecFacts): Opened {
  const add = (step: Parameters<ProgramBuilder["add"]>[1]): StepRef => builder.add("launch", step);
  labelCommand(builder, facts.process);
  add(setSignalMask(true, "no signal may end the monitor"));
  add(
    prctl(
      PR_SET_DUMPABLE,
      "PR_SET_DUMPABLE",
      [0],
      "nobody may open our memory or binary through /proc (CVE-2019-5736)",
    ),
  );
  add(setName("mdocker-exec"));
  const tasks = facts.tasks.map((file) =>
    add(
      open(file, openFlags.O_WRONLY, {
        reason: "while the host's files are in sight",
        label: `join cgroup ${file}`,
      }),
    ),
  );
  // Who is no more than root in there may not look at pid 1. That it still is that process the next setns tells.
  const namespaceReason = "to be joined by the child, once it is in its cgroup";
  const cgroupNamespace =
    facts.cgroupNamespace === undefined
      ? undefined
      : add(
          open(facts.cgroupNamespace, openFlags.O_RDONLY, {
            reason: namespaceReason,
            label: "open the cgroup namespace",
          }),
        );
  const score = facts.oomScoreAdj;
  const label = "set oom_score_adj";
  const scoreFile =
    score === undefined
      ? undefined
      : add(
          open("/proc/self/oom_score_adj", openFlags.O_WRONLY, {
            reason: "as the container's command",
            label,
          }),
        );
  add(
    joinNamespace(
      target,
      joined(facts),
      "the container's, all at once; what is cloned from here on is one of its processes",
    ),
  );
  if (score !== undefined && scoreFile !== undefined) {
    const lower = { tolerate: ["EACCES"], reason: "the child has it from us", label };
    add(write(scoreFile, score.wanted, lower));
  }
  add(
    clone({
      flags: 0,
      target: "child",
      cgroupFd: facts.cgroupBirth ? inherited.cgroup : undefined,
      reason: "born in the container: at no moment does it show more of the host",
    }),
  );
  if (score !== undefined && scoreFile !== undefined)
    add(write(scoreFile, score.own, { reason: "the monitor's own", label }));
  const reason = "the monitor keeps its control stream and the directories of its record";
  for (const fd of [0, 1, 2, 3, inherited.sync]) add(close(fd, reason));
  for (const fd of [inherited.cgroup, inherited.trace]) add({ ...close(fd, reason), tolerate: ["EBADF"] });
  add(closeFrom(target, false, reason));
  if (facts.lifetime === "detached" && facts.process.terminal === true)
    add(receiveDescriptor(inherited.control, "the terminal lasts as long as the command"));
  return { tasks, cgroupNamespace };
}

function addChild(builder: ProgramBuilder, facts: ExecFacts, { tasks, cgroupNamespace }: Opened): void {
  for (const fd of tasks)
    builder.add("child", write(fd, "0", { reason: "limits hold from here on", label: "join cgroup" }));
  builder.addAll("child", [
    joinNamespace(
      cgroupNamespace ?? target,
      cloneFlags.cgroup,
      "the container's, now that it is in its cgroup",
    ),
    close(inherited.control, "only the monitor speaks on it"),
    close(3, "the program is mapped"),
    closeFrom(inherited.record, false, "no directory of the host is in reach any more (CVE-2024-21626)"),
    // It came as the host's root, who is nobody in there.
    ...(facts.userNamespace ? becomeUser(0, 0, []) : []),
    dieWithMonitor(),
  ]);
  if (facts.process.terminal === true)
    openFurtherTerminal(builder, inherited.sync, facts.process.user.uid, facts.size);
  awaitParent(builder, "wait until it is on record; if the parent has given up instead, so do we");
  becomeCommand(builder, "child", {
    process: facts.process,
    interactive: true,
    seccomp: facts.seccomp,
    diesWithMonitor: true,
  });
}

/**
 * The program that runs one more command in a container: the launcher joins its namespaces and clones a child into its
 * cgroup, which gives up what the container's own command has given up, and executes the command. Pure.
 */
export function buildExecProgram(facts: ExecFacts): Program {
  const builder = new ProgramBuilder();
  addChild(builder, facts, addLaunch(builder, facts));
  if (facts.lifetime !== "kept") {
    builder.addAll("alone", [
      removeAt(inherited.record, "record.json", false, "nobody asks for it any more"),
      removeAt(directories, facts.id, true, "nobody asks for it any more"),
    ]);
  }
  return builder.build({
    init: false,
    hangupKills: facts.lifetime === "foreground",
    controlFd: inherited.control,
    syncFd: inherited.sync,
    record:
      facts.lifetime === "kept" ? { directoryFd: inherited.record, name: "exit", watch: [] } : undefined,
  });
}
