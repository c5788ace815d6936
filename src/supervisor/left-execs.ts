import { closeSync } from "node:fs";
import { readExec } from "../container/exec-records.ts";
import type { Instance } from "../core/paths.ts";
import { openProcess } from "../sys/pidfd.ts";
import { watchReadable } from "../sys/readiness.ts";
import { type ExecNote, listExecNotes, lostCode, settleExecNote } from "./exec-notes.ts";

/** Told once of each exec that has ended, with its exit code. */
type Tell = (exec: string, exitCode: number) => void;

/** The execs that earlier supervisors have left: nobody has their monitors' word any more, only the ends of those. */
export class LeftExecs {
  readonly #instance: Instance;
  readonly #watches = new Set<() => void>();

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** Tells of those that have ended while nobody was there, and later of the others. */
  follow(container: string, tell: Tell): void {
    for (const note of listExecNotes(this.#instance, container)) {
      if (!note.started || note.exitCode !== undefined) continue;
      const { note: now, pid } = settleExecNote(this.#instance, note);
      if (pid === 0) tell(note.id, now.exitCode ?? lostCode);
      else this.#watch(note, tell);
    }
  }

  /** The supervisor ends: the next one follows them. */
  leave(): void {
    for (const end of this.#watches) end();
  }

  #watch({ container, id }: ExecNote, tell: Tell): void {
    const monitor = readExec(this.#instance, container, id)?.monitor;
    // The monitor goes last: it has written the exit code then.
    const fd = monitor === undefined ? undefined : openProcess(monitor);
    if (fd === undefined) {
      tell(id, this.#exitCode(container, id));
      return;
    }
    const unwatch = watchReadable(fd, () => {
      end();
      tell(id, this.#exitCode(container, id));
    });
    const end = (): void => {
      this.#watches.delete(end);
      unwatch();
      closeSync(fd);
    };
    this.#watches.add(end);
  }

  /** Of one that has ended; whoever has asked for it meanwhile has settled it. */
  #exitCode(container: string, id: string): number {
    const note = listExecNotes(this.#instance, container).find((one) => one.id === id);
    if (note === undefined) return lostCode;
    return settleExecNote(this.#instance, note).note.exitCode ?? lostCode;
  }
}
