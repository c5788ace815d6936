import { existsSync, readdirSync, readFileSync } from "node:fs";
import { hasErrno, SetupError } from "../../core/errors.ts";
import { syscallName } from "../../sys/seccomp.ts";

/** What one thread is doing at one moment. */
export interface Sample {
  readonly pid: number;
  /** A system call's name, `running` on a CPU, or `blocked` in the kernel otherwise. */
  readonly doing: string;
}

/** proc_pid_syscall(5): `running`, `-1 SP PC` when blocked outside of a call, or number, arguments, SP and PC. */
export function parseSyscall(text: string, name: (number: number) => string): string {
  const [first = ""] = text.trim().split(" ");
  if (first === "running" || first === "") return "running";
  return first === "-1" ? "blocked" : name(Number(first));
}

function ignoreGone<T>(act: () => T, otherwise: T): T {
  try {
    return act();
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH", "EINVAL")) return otherwise;
    throw error;
  }
}

/**
 * Some kernels do not tell what a thread is doing: those of User Mode Linux, and of processors that Linux follows less closely.
 * @throws SetupError
 */
export function requireSampling(exists: (path: string) => boolean = existsSync): void {
  if (!exists("/proc/self/syscall"))
    throw new SetupError(
      "trace: this kernel does not tell what threads are doing (/proc/PID/syscall): install strace (Debian: apt-get install strace), and no --sample",
    );
}

/** Looks once at every thread of these processes. Nothing is stopped for it. */
export function sampleThreads(pids: readonly number[]): Sample[] {
  return pids.flatMap((pid) =>
    ignoreGone(() => readdirSync(`/proc/${pid}/task`), []).flatMap((thread) => {
      const text = ignoreGone(() => readFileSync(`/proc/${pid}/task/${thread}/syscall`, "utf8"), undefined);
      return text === undefined ? [] : [{ pid, doing: parseSyscall(text, (number) => syscallName(number)) }];
    }),
  );
}
