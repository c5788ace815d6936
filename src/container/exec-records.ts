import { mkdirSync, readdirSync, rmdirSync, rmSync, unlinkSync } from "node:fs";
import { readTextIfAny, writeFileAtomic } from "../core/atomic.ts";
import { hasErrno } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { exitCodeOf } from "../program/message.ts";
import { isAlive, type ProcessIdentity } from "../sys/process.ts";
import { containerPaths } from "./store.ts";

/** What mdocker knows of one exec: `exec/ID/record.json` in the runtime directory of its container. */
export interface ExecRecord {
  readonly version: 1;
  /** 64 hex digits. */
  readonly id: string;
  /** Id of the container. */
  readonly container: string;
  readonly command: readonly string[];
  readonly user: string;
  readonly cwd: string;
  readonly terminal: boolean;
  readonly privileged: boolean;
  readonly started: string;
  /** Its process and the monitor of that, as the host numbers them. */
  readonly process: ProcessIdentity;
  readonly monitor: ProcessIdentity;
}

/** What an exec is doing. */
interface ExecState {
  readonly running: boolean;
  /** As a shell would show it; undefined while it runs, or when nobody has kept it. */
  readonly exitCode: number | undefined;
  /** As the host numbers it; 0 when it does not run. */
  readonly pid: number;
}

const idPattern = /^[0-9a-f]{64}$/;

function execsPath(instance: Instance, container: string): string {
  return join(containerPaths(instance, container).run, "exec");
}

function execPath(instance: Instance, container: string, id: string): string {
  if (!idPattern.test(id)) throw new Error(`exec id ${JSON.stringify(id)}: expected 64 hex digits`);
  return join(execsPath(instance, container), id);
}

/**
 * Makes the directory of an exec. Returns it, and that of all execs of the container; undefined when the container's
 * own runtime directory is gone: it has ended.
 */
export function makeExecDirectory(
  instance: Instance,
  container: string,
  id: string,
): { readonly own: string; readonly all: string } | undefined {
  const [all, own] = [execsPath(instance, container), execPath(instance, container, id)];
  // Whoever removes the last exec removes the directory of all.
  for (let attempt = 1; ; attempt += 1) {
    try {
      mkdirSync(all, 0o700);
    } catch (error) {
      if (hasErrno(error, "ENOENT")) return undefined;
      if (!hasErrno(error, "EEXIST")) throw error;
    }
    try {
      mkdirSync(own, 0o700);
      return { own, all };
    } catch (error) {
      if (!hasErrno(error, "ENOENT") || attempt === 100) throw error;
    }
  }
}

export function writeExecRecord(instance: Instance, record: ExecRecord): void {
  writeFileAtomic(
    join(execPath(instance, record.container, record.id), "record.json"),
    JSON.stringify(record),
  );
}

/** True when there was nothing, or nothing is left. */
function tried(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return true;
    if (hasErrno(error, "ENOTEMPTY", "EEXIST")) return false;
    throw error;
  }
}

/** Removes what is known of an exec; nothing there is success. */
export function removeExec(instance: Instance, container: string, id: string): void {
  const own = execPath(instance, container, id);
  for (const name of ["record.json", "exit"]) tried(() => unlinkSync(join(own, name)));
  // rmSync costs two milliseconds even when there is nothing to do.
  if (!tried(() => rmdirSync(own))) rmSync(own, { recursive: true, force: true });
  tried(() => rmdirSync(execsPath(instance, container)));
}

/** The record of an exec; undefined when there is none, also while it is being made. */
export function readExec(instance: Instance, container: string, id: string): ExecRecord | undefined {
  const text = readTextIfAny(join(execPath(instance, container, id), "record.json"));
  return text === undefined ? undefined : (JSON.parse(text) as ExecRecord);
}

/** The execs of a container that are known, also ended ones that were to be kept. */
export function listExecs(instance: Instance, container: string): ExecRecord[] {
  let names: string[];
  try {
    names = readdirSync(execsPath(instance, container));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
  return names
    .filter((name) => idPattern.test(name))
    .flatMap((id) => readExec(instance, container, id) ?? []);
}

/** What an exec is doing now. */
export function execState(instance: Instance, { container, id, process }: ExecRecord): ExecState {
  const exitCode = (): number | undefined => {
    const text = readTextIfAny(join(execPath(instance, container, id), "exit"));
    return text === undefined ? undefined : exitCodeOf(Number.parseInt(text, 10));
  };
  const before = exitCode();
  if (before !== undefined) return { running: false, exitCode: before, pid: 0 };
  if (isAlive(process)) return { running: true, exitCode: undefined, pid: process.pid };
  // It may have ended between the two looks.
  return { running: false, exitCode: exitCode(), pid: 0 };
}

/** Removes what is known of execs that have ended: for whoever takes over from one that was to do it. */
export function forgetExecs(instance: Instance, container: string): void {
  for (const record of listExecs(instance, container)) {
    if (!execState(instance, record).running) removeExec(instance, container, record.id);
  }
}
