import type { Argument, Data } from "./data.ts";
import type { SyscallName } from "./syscalls.ts";

/** The parts of a program, in the order of init.c: who runs them is its comment's matter. */
export const parts = ["launch", "child", "command", "after", "alone"] as const;
export type PartName = (typeof parts)[number];

/** A step by its place: as an argument, the result of that step. */
export interface StepRef {
  readonly part: PartName;
  readonly index: number;
}

/** One step: a system call, a clone that goes on at another part, or a check of memory that a call has filled. */
export interface Step {
  readonly kind: "syscall" | "clone" | "check" | "checkNot";
  /** Absent for a check. */
  readonly call?: SyscallName | undefined;
  readonly args: readonly Argument[];
  /** Errnos, by name, that are no failure. At most four. */
  readonly tolerate?: readonly string[] | undefined;
  /** How many following steps to pass over after a tolerated errno. */
  readonly skip?: number | undefined;
  /** Where the result is stored too, as int32: an offset into data of the program. */
  readonly save?: { readonly into: Data; readonly offset: number } | undefined;
  /** The part a clone goes on at. */
  readonly target?: PartName | undefined;
  /** As strace would show it; made only for whoever wants to read it. */
  readonly text: () => string;
  /** One clause: why it is there. */
  readonly reason: string;
  /** What a failure is called in an error line: `mount proc on /proc`. */
  readonly label: string;
}

/** What the processes of a program do besides its steps; see struct program in init.c. */
export interface ProgramSettings {
  /** Pid 1 is init, and the command its child; else the command is pid 1. */
  readonly init: boolean;
  /** The container ends when the parent's end of the control stream closes. */
  readonly hangupKills: boolean;
  /** The monitor's part after the end is needed in any case: it waits for the parent's release, or the parent's end. */
  readonly lingers?: boolean;
  readonly controlFd: number;
  readonly syncFd: number;
  /** Where each process tells how long each step took; absent: nobody wants to know. */
  readonly traceFd?: number | undefined;
  readonly record?:
    | { readonly directoryFd: number; readonly name: string; readonly watch: readonly string[] }
    | undefined;
}

/** A whole program. */
export interface Program {
  readonly settings: ProgramSettings;
  readonly parts: Readonly<Record<PartName, readonly Step[]>>;
}

/** Collects the steps of a program part by part. */
export class ProgramBuilder {
  readonly #parts: Record<PartName, Step[]> = { launch: [], child: [], command: [], after: [], alone: [] };
  /** Directories that the steps so far have made: a program says each thing once. */
  readonly made: Set<string> = new Set();

  /** Appends a step; the answer stands for its result. */
  add(part: PartName, step: Step): StepRef {
    const steps = this.#parts[part];
    steps.push(step);
    return { part, index: steps.length - 1 };
  }

  /** Appends steps whose results nobody needs. */
  addAll(part: PartName, steps: readonly Step[]): void {
    this.#parts[part].push(...steps);
  }

  build(settings: ProgramSettings): Program {
    return { settings, parts: this.#parts };
  }
}
