import { readFileSync } from "node:fs";
import { hasErrno, messageOf } from "../../core/errors.ts";
import { syscallName } from "../../sys/seccomp.ts";
import { type SeccompRecord, watchSeccompLog } from "../../sys/seccomp-log.ts";

/** What strace does not show as refused: the filter let it through and logged it, or ended its process. */
const told: Readonly<Partial<Record<SeccompRecord["action"], string>>> = {
  logged: "logged, let through",
  killed: "killed",
  trapped: "SIGSYS",
};

/** A process of the container may be gone before it is looked at; strace knows it, perhaps only later. */
export class LoggedCalls implements Disposable {
  readonly #cgroup: string;
  readonly #add: (pid: number, call: string) => void;
  readonly #ours = new Set<number>();
  readonly #waiting = new Map<number, string[]>();
  readonly #watch: Disposable | undefined;

  /** `say` hears why nothing can be told, where that is so. */
  constructor(cgroup: string, add: (pid: number, call: string) => void, say: (line: string) => void) {
    this.#cgroup = cgroup;
    this.#add = add;
    try {
      this.#watch = watchSeccompLog((record) => this.#tell(record));
    } catch (error) {
      say(`calls that a profile logs (SCMP_ACT_LOG) or kills for are not shown: ${messageOf(error)}`);
    }
  }

  /** This process is the container's. */
  isOurs(pid: number): void {
    if (this.#ours.has(pid)) return;
    this.#ours.add(pid);
    for (const call of this.#waiting.get(pid) ?? []) this.#add(pid, call);
    this.#waiting.delete(pid);
  }

  #tell({ pid, arch, syscall, action }: SeccompRecord): void {
    const how = told[action];
    if (how === undefined) return;
    const call = `${syscallName(syscall, arch)} (${how})`;
    if (this.#ours.has(pid)) {
      this.#add(pid, call);
      return;
    }
    this.#waiting.set(pid, [...(this.#waiting.get(pid) ?? []), call]);
    if (this.#isInside(pid)) this.isOurs(pid);
    // Others on this machine may have a lot to tell.
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > 1000 && oldest !== undefined) this.#waiting.delete(oldest);
  }

  #isInside(pid: number): boolean {
    try {
      const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
      return lines.some((line) => `${line}/`.includes(`/${this.#cgroup}/`));
    } catch (error) {
      if (hasErrno(error, "ENOENT", "ESRCH")) return false;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
  }
}
