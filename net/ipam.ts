import { readTextIfAny, writeFileAtomic } from "../src/core/atomic.ts";
import { hasErrno, UsageError } from "../src/core/errors.ts";
import type { Instance } from "../src/core/paths.ts";
import { withLock } from "../src/sys/flock.ts";
import { bootId, isAlive, type ProcessIdentity } from "../src/sys/process.ts";
import type { Network } from "./network.ts";
import { keepOnly, type Lease, type Pool, release, take } from "./pool.ts";
import { ensureNetworkFolder, networkFile, removeFile } from "./state.ts";

/** What a lease is asked for. */
export interface LeaseRequest {
  /** Id of the container. */
  readonly container: string;
  /** The lease lives as long as this process: the next allocation after its death takes the address back. */
  readonly owner: ProcessIdentity;
  /** A certain address, else the next free one. */
  readonly address?: string | undefined;
  /** What the container is called on the network, its own name first; known as long as the lease is. */
  readonly names?: readonly string[] | undefined;
  /** Whom to ask for other names; else those that the host asks. */
  readonly servers?: readonly string[] | undefined;
  /** The same for IPv6. */
  readonly address6?: string | undefined;
}

const EMPTY: Pool = { subnet: "", leases: [] };

function readPool(instance: Instance, name: string): Pool {
  const text = readTextIfAny(networkFile(instance, name, "leases.json"));
  return text === undefined ? EMPTY : (JSON.parse(text) as Pool);
}

/** False for a lease of the dead, or of an earlier boot. */
function isLive(lease: Lease): boolean {
  return lease.bootId === bootId() && isAlive(lease);
}

/** What is left of a pool after the leases of the dead have been collected. */
function collected(pool: Pool): Pool {
  return keepOnly(pool, isLive);
}

/** Makes another pool of one, or undefined to leave it as it is. */
type Change<T> = (pool: Pool) => { pool: Pool | undefined; result: T };

/** Replaces the pool by what `act` makes of it, alone. @throws ENOENT when the network has no folder. */
function changeKnownPool<T>(instance: Instance, name: string, act: Change<T>): T {
  return withLock(networkFile(instance, name, "leases.lock"), () => {
    const { pool, result } = act(readPool(instance, name));
    if (pool !== undefined) writeFileAtomic(networkFile(instance, name, "leases.json"), JSON.stringify(pool));
    return result;
  });
}

/** The same, also for a network that has no folder yet. */
function changePool<T>(instance: Instance, name: string, act: Change<T>): T {
  try {
    return changeKnownPool(instance, name, act);
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
    ensureNetworkFolder(instance, name);
    return changeKnownPool(instance, name, act);
  }
}

/** Refuses addresses that no container of the network can have. @throws UsageError */
async function checkWish(
  network: Network,
  { address, address6 }: Pick<LeaseRequest, "address" | "address6">,
): Promise<void> {
  if (address === undefined && address6 === undefined) return;
  const { checkFixedAddress, checkFixedAddress6 } = await import("./subnet.ts");
  if (address !== undefined) await checkFixedAddress(network, address);
  if (address6 !== undefined) checkFixedAddress6(network, address6);
}

/**
 * Leases an address of the network to a container: the next one after the last that was handed out, so that an address is
 * used again as late as possible.
 * @throws UsageError when the address asked for cannot be had, or none is left.
 */
export async function acquireLease(
  instance: Instance,
  network: Network,
  request: LeaseRequest,
): Promise<Lease> {
  const { container, owner, address, address6, names, servers } = request;
  await checkWish(network, request);
  return changePool(instance, network.name, (pool) => {
    const { pid, startTime } = owner;
    const draft = {
      ...{ container, address, address6, bootId: bootId(), pid, startTime },
      ...(names === undefined ? {} : { names }),
      ...(servers === undefined ? {} : { servers }),
    };
    const { pool: taken, lease } = take(pool, network, draft, isLive);
    return { pool: taken, result: lease };
  });
}

/**
 * Hands a container's lease over to another process: from the one that starts it to the one that stays with it.
 * @throws UsageError when it has none.
 */
export function adoptLease(
  instance: Instance,
  network: Network,
  container: string,
  owner: ProcessIdentity,
): void {
  changePool(instance, network.name, (pool) => {
    const { pid, startTime } = owner;
    const mine = pool.leases.some((lease) => lease.container === container);
    if (!mine) throw new UsageError(`network ${network.name}: container ${container} has no lease`);
    const leases = pool.leases.map((lease) =>
      lease.container === container ? { ...lease, pid, startTime } : lease,
    );
    return { pool: { ...pool, leases }, result: undefined };
  });
}

/** Changes what a container is called on a network; one that has no lease there is fine. */
export function renameLease(
  instance: Instance,
  network: Pick<Network, "name">,
  container: string,
  change: (names: readonly string[]) => readonly string[],
): void {
  try {
    changeKnownPool(instance, network.name, (pool) => {
      if (!pool.leases.some((lease) => lease.container === container))
        return { pool: undefined, result: undefined };
      const leases = pool.leases.map((lease) =>
        lease.container === container ? { ...lease, names: change(lease.names ?? []) } : lease,
      );
      return { pool: { ...pool, leases }, result: undefined };
    });
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
}

/**
 * The addresses that {@link acquireLease} would give now, for explaining a start: nothing is taken. To whom the pool is
 * not readable it is an empty one.
 * @throws UsageError as acquireLease does.
 */
export async function peekLease(
  instance: Instance,
  network: Network,
  wish: Omit<LeaseRequest, "owner">,
): Promise<Lease> {
  await checkWish(network, wish);
  let pool = EMPTY;
  try {
    pool = readPool(instance, network.name);
  } catch (error) {
    if (!hasErrno(error, "EACCES")) throw error;
  }
  const { container, address, address6 } = wish;
  const draft = { container, address, address6, bootId: bootId(), pid: 0, startTime: "0" };
  return take(pool, network, draft, isLive).lease;
}

/**
 * Gives a container's address back; one that has none is fine. So is a full or read-only disk: a lease counts no more
 * when its process has ended.
 */
export function releaseLease(instance: Instance, network: Pick<Network, "name">, container: string): void {
  try {
    changeKnownPool(instance, network.name, (pool) => {
      const after = release(pool, container);
      return { pool: after.leases.length === pool.leases.length ? undefined : after, result: undefined };
    });
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOSPC", "EDQUOT", "EROFS")) throw error;
  }
}

/** Forgets the leases of the dead. Returns how many there were. */
export function collectLeases(instance: Instance, name: string): number {
  return changePool(instance, name, (pool) => {
    const left = collected(pool);
    const dead = pool.leases.length - left.leases.length;
    return { pool: dead === 0 ? undefined : left, result: dead };
  });
}

/** The leases of those who live, without a lock: a look at one moment. */
export function listLeases(instance: Instance, network: Pick<Network, "name">): readonly Lease[] {
  return collected(readPool(instance, network.name)).leases;
}

/**
 * Runs `act` and forgets the pool, if nobody holds a lease; while it runs nobody can get one. Returns false otherwise.
 * A start leases first and looks for its network then: it sees what `act` has taken away.
 */
export function ifIdle(instance: Instance, name: string, act: () => void): boolean {
  return changePool(instance, name, (pool) => {
    if (collected(pool).leases.length > 0) return { pool: undefined, result: false };
    act();
    removeFile(networkFile(instance, name, "leases.json"));
    return { pool: undefined, result: true };
  });
}
