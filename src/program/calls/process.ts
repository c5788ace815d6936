import { type Argument, bytes, text, textArray, words } from "../data.ts";
import { cloneFlagNames, decodeFlags } from "../flags.ts";
import type { PartName, Step, StepRef } from "../step.ts";

const SIGCHLD = 17;

/** What clone3(2) is asked. */
export interface CloneCall {
  readonly flags: number;
  readonly target: PartName;
  /** Directory descriptor of the cgroup (v2) that the child is born in. */
  readonly cgroupFd?: number | undefined;
  readonly reason: string;
}

/** clone3(2) as fork does it, with namespaces; the child goes on at another part. struct clone_args, version 2. */
export function clone({ flags, target, cgroupFd, reason }: CloneCall): Step {
  const all = BigInt(flags) | (cgroupFd === undefined ? 0n : BigInt(cloneFlagNames.CLONE_INTO_CGROUP));
  // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup
  const args = words([all, 0, 0, 0, SIGCHLD, 0, 0, 0, 0, 0, cgroupFd ?? 0]);
  return {
    kind: "clone",
    call: "clone3",
    target,
    args: [args, args.words.length * 8],
    text: () => {
      const shown = decodeFlags(Number(all), cloneFlagNames);
      const where = cgroupFd === undefined ? "" : `, cgroup=${cgroupFd}`;
      return `clone3({flags=${shown}, exit_signal=SIGCHLD${where}}, 88)`;
    },
    reason,
    label: "clone",
  };
}

/** execve(2). */
export function exec(
  path: string,
  argv: readonly string[],
  env: readonly string[],
  tolerate: readonly string[],
): Step {
  return {
    kind: "syscall",
    call: "execve",
    args: [text(path), textArray(argv), textArray(env)],
    tolerate,
    text: () => `execve(${JSON.stringify(path)}, ${JSON.stringify(argv)}, [${env.length} variables])`,
    reason: "the command takes over the process",
    label: `exec ${path}`,
  };
}

/** prctl(2) */
export function prctl(
  option: number,
  name: string,
  args: readonly (number | bigint)[],
  reason: string,
): Step {
  return {
    kind: "syscall",
    call: "prctl",
    args: [option, ...args, ...[0, 0, 0, 0].slice(args.length)],
    text: () => `prctl(${[name, ...args].join(", ")})`,
    reason,
    label: name.toLowerCase(),
  };
}

/** prctl(PR_SET_NAME): what ps shows; at most 15 bytes count. */
export function setName(name: string): Step {
  return {
    kind: "syscall",
    call: "prctl",
    args: [15, text(name), 0, 0, 0],
    text: () => `prctl(PR_SET_NAME, ${JSON.stringify(name)})`,
    reason: "a name that ps can show",
    label: "set name",
  };
}

const SIG_SETMASK = 2;

/** rt_sigprocmask(2): blocks every signal, or none. */
export function setSignalMask(block: boolean, reason: string): Step {
  const mask = Buffer.alloc(8, block ? 0xff : 0);
  return {
    kind: "syscall",
    call: "rt_sigprocmask",
    args: [SIG_SETMASK, bytes(mask), 0, 8],
    text: () => `rt_sigprocmask(SIG_SETMASK, ${block ? "~[]" : "[]"}, NULL, 8)`,
    reason,
    label: "set signal mask",
  };
}

/** setsid(2) */
export function setSession(reason: string): Step {
  return { kind: "syscall", call: "setsid", args: [], text: () => "setsid()", reason, label: "setsid" };
}

/** setns(2) into the namespace that descriptor `fd` stands for. */
export function joinNamespace(fd: StepRef | number, flag: number, reason: string): Step {
  return {
    kind: "syscall",
    call: "setns",
    args: [fd, flag],
    text: () => `setns(fd, ${decodeFlags(flag, cloneFlagNames)})`,
    reason,
    label: `join namespace ${decodeFlags(flag, cloneFlagNames)}`,
  };
}

/** unshare(2) */
export function unshareNamespaces(flags: number, reason: string): Step {
  return {
    kind: "syscall",
    call: "unshare",
    args: [flags],
    text: () => `unshare(${decodeFlags(flags, cloneFlagNames)})`,
    reason,
    label: "unshare",
  };
}

/** ioctl(2) on a descriptor. */
export function ioctl(
  fd: StepRef | number,
  request: number,
  name: string,
  argument: Argument,
  reason: string,
): Step {
  return {
    kind: "syscall",
    call: "ioctl",
    args: [fd, request, argument],
    text: () => `ioctl(fd, ${name})`,
    reason,
    label: name,
  };
}

const CLOSE_RANGE_CLOEXEC = 4;

/** close_range(2) from `first` on: closes, or marks close-on-exec. */
export function closeFrom(first: number, onExec: boolean, reason: string): Step {
  return {
    kind: "syscall",
    call: "close_range",
    args: [first, 0xffffffff, onExec ? CLOSE_RANGE_CLOEXEC : 0],
    text: () => `close_range(${first}, ~0U, ${onExec ? "CLOSE_RANGE_CLOEXEC" : "0"})`,
    reason,
    label: "close descriptors",
  };
}
