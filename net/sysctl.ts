import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readTextIfAny, writeFileAtomic } from "../src/core/atomic.ts";
import { monotonicMs } from "../src/core/clock.ts";
import { hasErrno, SyscallError } from "../src/core/errors.ts";
import type { Observer, PlannedAction } from "../src/core/explain.ts";
import type { Instance } from "../src/core/paths.ts";
import { bootId } from "../src/sys/process.ts";
import { networksFolder, removeFile } from "./state.ts";

/** A setting of the network namespace that this thread is in. */
export interface Sysctl {
  /** Below /proc/sys, with slashes: names of links may hold dots. */
  readonly path: string;
  readonly value: string;
  readonly reason: string;
  /** A kernel that does not have it (IPv6 switched off) does well without. */
  readonly optional?: boolean;
}

interface Remembered {
  readonly bootId: string;
  readonly previous: Readonly<Record<string, string>>;
}

/** A setting for people. */
export function describeSysctl({ path, value, reason }: Sysctl): PlannedAction {
  return { kind: "sysctl", text: `${path.replaceAll("/", ".")} = ${value}`, reason, by: "parent" };
}

function read(path: string): string {
  return readFileSync(join("/proc/sys", path), "utf8").trim();
}

function readIfAny(path: string): string | undefined {
  try {
    return read(path);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Writes a setting unless it is so already. @throws SyscallError where /proc/sys cannot be written. */
export function applySysctl(sysctl: Sysctl, observer: Observer | undefined): void {
  const { path, value } = sysctl;
  const start = monotonicMs();
  try {
    if (read(path) !== value) writeFileSync(join("/proc/sys", path), value);
  } catch (cause) {
    if (sysctl.optional === true && hasErrno(cause, "ENOENT")) return;
    const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "EIO";
    const hint = errno === "EROFS" ? "/proc/sys is read-only here: are we inside a container?" : undefined;
    throw new SyscallError({ call: "sysctl", errno, subject: path.replaceAll("/", "."), hint }, { cause });
  }
  observer?.({ ...describeSysctl(sysctl), ms: monotonicMs() - start });
}

function memory(instance: Instance): string {
  return join(networksFolder(instance), "sysctls.json");
}

function remembered(instance: Instance): Readonly<Record<string, string>> {
  const text = readTextIfAny(memory(instance));
  if (text === undefined) return {};
  const { bootId: boot, previous } = JSON.parse(text) as Remembered;
  return boot === bootId() ? previous : {};
}

/** Notes what a host-wide setting was before the first network, and before it is changed. */
export function rememberSysctl(instance: Instance, { path }: Sysctl): void {
  const previous = remembered(instance);
  if (path in previous) return;
  const note: Remembered = { bootId: bootId(), previous: { ...previous, [path]: read(path) } };
  writeFileAtomic(memory(instance), JSON.stringify(note));
}

/**
 * Puts back what was noted of `ours` and no other network needs; a setting that somebody has changed since then stays.
 * @param needed Paths of settings that other networks need.
 */
export function restoreSysctls(
  instance: Instance,
  ours: readonly Sysctl[],
  needed: ReadonlySet<string>,
  observer: Observer | undefined,
): void {
  const kept: Record<string, string> = {};
  for (const [path, value] of Object.entries(remembered(instance))) {
    const mine = ours.find((it) => it.path === path);
    if (mine === undefined || needed.has(path)) kept[path] = value;
    else if (readIfAny(path) === mine.value)
      applySysctl({ path, value, reason: "as it was before the first network" }, observer);
  }
  if (Object.keys(kept).length === 0) removeFile(memory(instance));
  else writeFileAtomic(memory(instance), JSON.stringify({ bootId: bootId(), previous: kept }));
}
