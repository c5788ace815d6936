import { readFileSync } from "node:fs";
import { UsageError } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";
import type { OciRlimit } from "../core/oci.ts";

/** Resource limits by number: include/uapi/asm-generic/resource.h, the same on x86_64 and arm64. */
const names = [
  ...["RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS"],
  ...["RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS"],
  ...["RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME"],
] as const;

/** Every resource limit by its number, as `RLIMIT_NOFILE`. */
export const rlimitNames: readonly string[] = names;

/** `RLIMIT_NOFILE` for `nofile`, `NOFILE` and itself. Throws UsageError for an unknown name; `what` names the flag. */
export function parseRlimitName(text: string, what: string): string {
  const upper = text.trim().toUpperCase();
  const name = upper.startsWith("RLIMIT_") ? upper : `RLIMIT_${upper}`;
  if (rlimitNames.includes(name)) return name;
  const short = rlimitNames.map((known) => known.slice(7).toLowerCase());
  const near = nearest(name.slice(7).toLowerCase(), short);
  const expected = near === undefined ? `expected one of ${short.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`${what}: ${text}: unknown limit; ${expected}`);
}

/** 7 for `RLIMIT_NOFILE`. */
export function rlimitNumber(name: string): number {
  const number = rlimitNames.indexOf(name);
  if (number < 0) throw new Error(`unknown limit ${name}`);
  return number;
}

/** The highest values this process may set, by name; Infinity is unlimited. */
export type RlimitCeilings = ReadonlyMap<string, number>;

const unlimited = (value: number): number => (value < 0 ? Number.POSITIVE_INFINITY : value);
const shown = (value: number): string => (Number.isFinite(value) ? String(value) : "unlimited");

/**
 * The limits that can be set: raising a hard limit above one's own takes CAP_SYS_RESOURCE (getrlimit(2)), so without it
 * the value is our own hard limit instead, with one note for each. -1 and Infinity are unlimited.
 * @throws UsageError for an unknown type, or a soft limit above the hard one.
 */
export function clampRlimits(
  rlimits: readonly OciRlimit[],
  hardLimits: RlimitCeilings,
  hasSysResource: boolean,
): { readonly rlimits: OciRlimit[]; readonly notes: string[] } {
  const notes: string[] = [];
  const fitting = rlimits.map((limit) => {
    const type = parseRlimitName(limit.type, "--ulimit");
    const [soft, hard] = [unlimited(limit.soft), unlimited(limit.hard)];
    if (soft > hard) {
      throw new UsageError(
        `--ulimit: ${type.slice(7).toLowerCase()}: soft limit ${shown(soft)} is above the hard limit ${shown(hard)}`,
      );
    }
    const ceiling = hasSysResource ? Number.POSITIVE_INFINITY : (hardLimits.get(type) ?? hard);
    if (hard <= ceiling) return { type, soft, hard };
    notes.push(
      `${type.slice(7).toLowerCase()} limit ${shown(hard)} is lowered to ${shown(ceiling)}: more takes CAP_SYS_RESOURCE, ` +
        "which mdocker does not have on this host",
    );
    return { type, soft: Math.min(soft, ceiling), hard: ceiling };
  });
  return { rlimits: fitting, notes };
}

/** The words of /proc/PID/limits for each limit, in the kernel's own order of numbers (fs/proc/base.c lnames). */
const procNames: readonly string[] = [
  ...["Max cpu time", "Max file size", "Max data size", "Max stack size", "Max core file size"],
  ...["Max resident set", "Max processes", "Max open files", "Max locked memory", "Max address space"],
  ...["Max file locks", "Max pending signals", "Max msgqueue size", "Max nice priority"],
  ...["Max realtime priority", "Max realtime timeout"],
];

/** All limits in the text of /proc/PID/limits; Infinity is unlimited. */
export function parseProcRlimits(text: string): OciRlimit[] {
  const found: OciRlimit[] = [];
  for (const line of text.split("\n")) {
    const number = procNames.findIndex((name) => line.startsWith(`${name} `));
    const type = names[number];
    if (type === undefined) continue;
    const [soft = "", hard = ""] = line.slice(procNames[number]?.length).trim().split(/\s+/);
    const value = (word: string): number => (word === "unlimited" ? Number.POSITIVE_INFINITY : Number(word));
    found.push({ type, soft: value(soft), hard: value(hard) });
  }
  return found;
}

/** Hard limits in the text of /proc/PID/limits. */
export function parseProcLimits(text: string): Map<string, number> {
  return new Map(parseProcRlimits(text).map(({ type, hard }) => [type, hard]));
}

/** Our own hard limits. Read it only when a limit was asked for. */
export function ownHardLimits(): Map<string, number> {
  return parseProcLimits(readFileSync("/proc/self/limits", "utf8"));
}
