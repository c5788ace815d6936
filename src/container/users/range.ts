import { mkdirSync, rmSync } from "node:fs";
import { readTextIfAny, writeFileAtomic } from "../../core/atomic.ts";
import { SetupError } from "../../core/errors.ts";
import { type IdMap, type IdRange, rangesOf } from "../../core/id-ranges.ts";
import { join } from "../../core/join.ts";
import type { Instance } from "../../core/paths.ts";
import { withLock } from "../../sys/flock.ts";
import { bootId, isAlive, type ProcessIdentity } from "../../sys/process.ts";

/** So many ids each container gets: all that a 16-bit id can name. */
export const usualSize = 65_536;

/** Of whose lines in /etc/subuid and /etc/subgid the ranges are taken: the first that has some. */
const owners: readonly string[] = ["mdocker", "containers"];

/** Where nobody has a line: above what useradd gives to users, below the ids of systemd-nspawn's and 2^31. */
const defaultRange: IdRange = { first: 1_000_000_000, count: 4096 * usualSize };

/** A range that a container has, and whose end frees it. */
export interface IdLease extends IdMap, ProcessIdentity {
  readonly container: string;
  readonly bootId: string;
}

/** Where ranges may come from; users and groups are handed out side by side. Pure. */
export function rangesFor(
  subuid: string,
  subgid: string,
): { users: readonly IdRange[]; groups: readonly IdRange[] } {
  for (const owner of owners) {
    const [users, groups] = [rangesOf(subuid, owner, undefined), rangesOf(subgid, owner, undefined)];
    if (users.length > 0 && groups.length > 0) return { users, groups };
  }
  return { users: [defaultRange], groups: [defaultRange] };
}

function firstFree(ranges: readonly IdRange[], taken: readonly IdRange[]): number | undefined {
  for (const { first, count } of ranges) {
    for (let at = first; at + usualSize <= first + count; ) {
      const other = taken.find((one) => one.first < at + usualSize && at < one.first + one.count);
      if (other === undefined) return at;
      at = other.first + other.count;
    }
  }
  return undefined;
}

/** The next range that overlaps none of those that are taken; undefined when there is none left. Pure. */
export function nextFree(
  { users, groups }: ReturnType<typeof rangesFor>,
  taken: readonly IdMap[],
): IdMap | undefined {
  const uid = firstFree(
    users,
    taken.map((one) => ({ first: one.uid, count: one.size })),
  );
  const gid = firstFree(
    groups,
    taken.map((one) => ({ first: one.gid, count: one.size })),
  );
  return uid === undefined || gid === undefined ? undefined : { uid, gid, size: usualSize };
}

const fileOf = ({ state }: Instance): string => join(state, "users.json");

function readLeases(instance: Instance): readonly IdLease[] {
  return JSON.parse(readTextIfAny(fileOf(instance)) ?? "[]") as readonly IdLease[];
}

const holds = (lease: IdLease): boolean => lease.bootId === bootId() && isAlive(lease);

/** Replaces the leases by what `act` makes of the living ones. */
function change<T>(instance: Instance, act: (leases: readonly IdLease[]) => [readonly IdLease[], T]): T {
  mkdirSync(instance.state, { recursive: true, mode: 0o755 });
  return withLock(join(instance.state, "users.lock"), () => {
    const [leases, result] = act(readLeases(instance).filter(holds));
    if (leases.length === 0) rmSync(fileOf(instance), { force: true });
    else writeFileAtomic(fileOf(instance), JSON.stringify(leases));
    return result;
  });
}

/** The ids asked for, or the next that none of `others` has. @throws SetupError when none is left */
function choose(wanted: "auto" | IdMap, others: readonly IdLease[]): IdMap {
  if (wanted !== "auto") return wanted;
  const [subuid, subgid] = ["/etc/subuid", "/etc/subgid"].map((file) => readTextIfAny(file) ?? "");
  const ids = nextFree(rangesFor(subuid ?? "", subgid ?? ""), others);
  if (ids === undefined)
    throw new SetupError(
      `--userns auto: no ${usualSize} ids are free: give user ${owners[0]} a larger range in /etc/subuid and /etc/subgid`,
    );
  return ids;
}

/** The range that {@link leaseIds} would take now: nothing is changed. @throws SetupError when none is left */
export function peekIds(instance: Instance, wanted: "auto" | IdMap): IdMap {
  return choose(wanted, readLeases(instance).filter(holds));
}

/**
 * Takes a range for a container: the ids asked for, or the next that nobody has. It is free again when `owner` has ended.
 * @throws SetupError when none is left
 */
export function leaseIds(
  instance: Instance,
  container: string,
  wanted: "auto" | IdMap,
  owner: ProcessIdentity,
): IdMap {
  return change(instance, (leases) => {
    const others = leases.filter((one) => one.container !== container);
    const ids = choose(wanted, others);
    return [[...others, { ...ids, container, ...owner, bootId: bootId() }], ids];
  });
}

/** The range is the container's as long as `owner` lives. */
export function passIds(instance: Instance, container: string, owner: ProcessIdentity): void {
  change(instance, (leases) => [
    leases.map((one) => (one.container === container ? { ...one, ...owner } : one)),
    undefined,
  ]);
}

/** Gives the range of a container back. */
export function releaseIds(instance: Instance, container: string): void {
  change(instance, (leases) => [leases.filter((one) => one.container !== container), undefined]);
}

/** Forgets the ranges of containers that have ended without giving them back. Returns a line for each. */
export function collectIds(instance: Instance): string[] {
  const stale = readLeases(instance).filter((lease) => !holds(lease));
  if (stale.length === 0) return [];
  change(instance, (leases) => [leases, undefined]);
  return stale.map(({ container }) => `removed the lease of ids of container ${container.slice(0, 12)}`);
}
