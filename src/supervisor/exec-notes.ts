import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { execState, readExec, removeExec } from "../container/exec-records.ts";
import type { ExecRequest } from "../container/exec-request.ts";
import { containerPaths, listIds } from "../container/store.ts";
import { readTextIfAny, writeFileAtomic } from "../core/atomic.ts";
import { hasErrno } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";

/** An exec as a client asked for it. */
export interface ExecWish {
  readonly request: ExecRequest;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys: string | undefined;
}

/** What the next supervisor is to know of an exec: `api-exec/ID.json` in the runtime directory of its container. */
export interface ExecNote {
  readonly id: string;
  readonly container: string;
  readonly wish: ExecWish;
  readonly started: boolean;
  readonly exitCode?: number | undefined;
  /** ISO 8601: since when the exit code is known. */
  readonly ended?: string | undefined;
}

/** The exit code of one whose end nobody has seen. */
export const lostCode = 137;

const idPattern = /^[0-9a-f]{64}$/;

function notesPath(instance: Instance, container: string): string {
  return join(containerPaths(instance, container).run, "api-exec");
}

/** Replaces the note. That the container has ended meanwhile, runtime directory and all, is no error. */
export function writeExecNote(instance: Instance, note: ExecNote): void {
  const directory = notesPath(instance, note.container);
  try {
    mkdirSync(directory, 0o700);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return;
    if (!hasErrno(error, "EEXIST")) throw error;
  }
  try {
    writeFileAtomic(join(directory, `${note.id}.json`), JSON.stringify(note));
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
}

export function removeExecNote(
  instance: Instance,
  { container, id }: Pick<ExecNote, "container" | "id">,
): void {
  rmSync(join(notesPath(instance, container), `${id}.json`), { force: true });
}

function readNote(instance: Instance, container: string, id: string): ExecNote | undefined {
  const text = readTextIfAny(join(notesPath(instance, container), `${id}.json`));
  return text === undefined ? undefined : (JSON.parse(text) as ExecNote);
}

/** The note of an exec, in whichever container it is; undefined when there is none. */
export function findExecNote(instance: Instance, id: string): ExecNote | undefined {
  if (!idPattern.test(id)) return undefined;
  for (const container of listIds(instance)) {
    const note = readNote(instance, container, id);
    if (note !== undefined) return note;
  }
  return undefined;
}

/** The notes of a container. */
export function listExecNotes(instance: Instance, container: string): ExecNote[] {
  let names: string[];
  try {
    names = readdirSync(notesPath(instance, container));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
  return names
    .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
    .flatMap((name) => readNote(instance, container, name.slice(0, 64)) ?? []);
}

/**
 * The note of an exec that an earlier supervisor has started, as it is now: what its monitor has written of its end is
 * taken over. `pid` is 0 when it does not run.
 */
export function settleExecNote(
  instance: Instance,
  note: ExecNote,
): { readonly note: ExecNote; readonly pid: number } {
  const { id, container, started, exitCode } = note;
  if (!started || exitCode !== undefined) return { note, pid: 0 };
  const record = readExec(instance, container, id);
  const state = record === undefined ? undefined : execState(instance, record);
  if (state?.running === true) return { note, pid: state.pid };
  const settled = { ...note, exitCode: state?.exitCode ?? lostCode, ended: new Date().toISOString() };
  writeExecNote(instance, settled);
  removeExec(instance, container, id);
  return { note: settled, pid: 0 };
}
