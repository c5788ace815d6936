import { UsageError } from "../core/errors.ts";
import type { OciProcess } from "../core/oci.ts";
import { expectValue } from "../program/calls/check.ts";
import { chdir, close, duplicate, open, write } from "../program/calls/file.ts";
import { setSeccompFilter, setUmask } from "../program/calls/identity.ts";
import { setIoPriority, setNice } from "../program/calls/priority.ts";
import { closeFrom, exec, prctl, setSession, setSignalMask } from "../program/calls/process.ts";
import { takeTerminal } from "../program/calls/terminal.ts";
import { cell } from "../program/data.ts";
import { openFlags } from "../program/flags.ts";
import type { PartName, ProgramBuilder, Step, StepRef } from "../program/step.ts";
import { execCandidates } from "./exec-paths.ts";
import { inherited } from "./inherited.ts";
import { addPrivileges } from "./privileges.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** What a process needs to know to become a command of the container. */
interface CommandFacts {
  readonly process: OciProcess;
  /** stdin is what it has; else /dev/null of the container. */
  readonly interactive: boolean;
  readonly seccomp: { readonly filter: Uint8Array; readonly name: string } | undefined;
  /** Set for who is outside of the container's memory cgroup still: what leads in. */
  readonly memory?: StepRef | undefined;
  /** Its parent is the monitor, and it is not to outlive that. */
  readonly diesWithMonitor: boolean;
}

/** prctl(PR_SET_PDEATHSIG): whoever runs this is killed when its parent, the monitor, ends. */
export function dieWithMonitor(): Step {
  return prctl(PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG", [SIGKILL], "no container without its monitor");
}

/** Comes into the memory cgroup, when hardly more than execve is left to do: memory is charged to where its user is. */
export function joinMemory(memory: StepRef): Step {
  const reason = "limits hold before the first instruction of the command";
  return write(memory, "0", { reason, label: "join the memory cgroup" });
}

/** The child is ready; it goes on when the parent, too, has done its part and says so by one byte. */
export function awaitParent(builder: ProgramBuilder, reason: string): void {
  const byte = cell(8);
  const label = "wait for the parent";
  builder.add("child", {
    kind: "syscall",
    call: "read",
    args: [inherited.sync, byte, 1],
    text: () => `read(${inherited.sync}, &word, 1)`,
    reason,
    label,
  });
  builder.add(
    "child",
    expectValue({ data: byte, width: 1, value: 1n, errno: "ECANCELED", text: "word == 1", reason, label }),
  );
}

/** The last steps of a process of ours inside the container: it gives up what it has, and executes the command. */
export function becomeCommand(builder: ProgramBuilder, part: PartName, facts: CommandFacts): void {
  const { process } = facts;
  const command = process.args[0];
  if (command === undefined || command === "")
    throw new UsageError("no command: the image names none, so give one");
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
  if (process.oomScoreAdj !== undefined) setOomScore(builder, part, String(process.oomScoreAdj));
  if (process.scheduler !== undefined) builder.add(part, setNice(process.scheduler.nice));
  if (process.ioPriority !== undefined) builder.add(part, setIoPriority(process.ioPriority));
  builder.add(
    part,
    chdir(process.cwd, "the working directory", `enter the working directory ${process.cwd}`),
  );
  expectInside(builder, part);
  builder.add(part, setUmask(process.user.umask ?? 0o022, "permissions of the files that the command makes"));
  addPrivileges(builder, part, process, facts.seccomp);
  // The kernel forgets it when a process becomes another user (prctl(2)).
  if (facts.diesWithMonitor) builder.add(part, dieWithMonitor());
  if (facts.memory !== undefined) builder.add(part, joinMemory(facts.memory));
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

/** Writes proc_pid_oom_score_adj(5) of the process itself; less than its own takes CAP_SYS_RESOURCE on the host. */
export function setOomScore(builder: ProgramBuilder, part: PartName, score: string): void {
  const [reason, label] = ["--oom-score-adj", "set oom_score_adj"];
  const fd = builder.add(part, open("/proc/self/oom_score_adj", openFlags.O_WRONLY, { reason, label }));
  builder.add(part, write(fd, score, { reason, label }));
  builder.add(part, close(fd, "written"));
}

/** A working directory reached through a leaked descriptor shows as `(unreachable)`: it must begin with a slash. */
function expectInside(builder: ProgramBuilder, part: PartName): void {
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
