import { closeSync, constants, openSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { hasErrno } from "../../src/core/errors.ts";
import { join } from "../../src/core/join.ts";
import { lockDescriptor } from "../../src/sys/flock.ts";
import { SystemdManager } from "../../src/sys/systemd.ts";
import type { V2Host } from "../host.ts";
import { parentsOf, scopePath } from "../place.ts";
import { readFileIfAny } from "../processes.ts";
import { writeValues } from "../write-values.ts";

/** The files that promise memory to a cgroup, and systemd's names for them. */
const promises = [
  ["memory.min", "MemoryMin"],
  ["memory.low", "MemoryLow"],
] as const;

/** True for the file of a limit that promises memory. */
export function isPromise(file: string): boolean {
  return promises.some(([name]) => name === file);
}

function promiseIn(directory: string, file: string): bigint | "max" {
  const text = readFileIfAny(join(directory, file))?.trim() ?? "0";
  return text === "max" ? "max" : BigInt(text);
}

function sumOfChildren(directory: string, file: string): bigint | "max" {
  let sum = 0n;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const promised = promiseIn(join(directory, entry.name), file);
    if (promised === "max") return "max";
    sum += promised;
  }
  return sum;
}

/** What systemd manages has its values from systemd: anything else would be gone when it looks again. */
function setBySystemd(
  user: boolean,
  unit: string,
  values: readonly (readonly [string, bigint | "max"])[],
): void {
  const manager = new SystemdManager(user);
  try {
    manager.setProperties(unit, values);
  } finally {
    manager[Symbol.dispose]();
  }
}

function share(host: V2Host, path: string): void {
  const directory = join(host.root, path);
  const isUnit = host.scope !== undefined && (path === scopePath || scopePath.startsWith(`${path}/`));
  const differing = promises.flatMap(([file, property]) => {
    const [sum, now] = [sumOfChildren(directory, file), promiseIn(directory, file)];
    // A slice may have been given more by who manages the host.
    const isEnough = isUnit && path !== scopePath && (now === "max" || (sum !== "max" && now >= sum));
    return sum === now || isEnough ? [] : [{ file, property, sum }];
  });
  if (differing.length === 0) return;
  if (isUnit) {
    const values = differing.map(({ property, sum }) => [property, sum] as const);
    setBySystemd(host.scope.user, basename(path), values);
    return;
  }
  for (const { file, sum } of differing) writeValues(join(directory, file), [String(sum)]);
}

/**
 * Promises the cgroups above `path` what their children have been promised, by memory.min and memory.low: the kernel divides
 * among children no more than their parent has itself, and a cgroup is made with nothing (mm/memcontrol.c,
 * effective_protection). To be called when a promise has been made, changed, or has gone with its cgroup. Where nobody
 * promises anything, nothing is done.
 */
export function shareProtection(host: V2Host, path: string): void {
  for (const above of parentsOf(path).reverse()) {
    let lock: number;
    try {
      lock = openSync(join(host.root, above), constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (error) {
      if (hasErrno(error, "ENOENT", "ENODEV")) continue;
      throw error;
    }
    try {
      // Who reads before another has written must not write after it.
      lockDescriptor(lock, "alone", above);
      share(host, above);
    } catch (error) {
      // Removed meanwhile, with all that was in it.
      if (!hasErrno(error, "ENOENT", "ENODEV")) throw error;
    } finally {
      closeSync(lock);
    }
  }
}
