import { UsageError } from "../src/core/errors.ts";
import { formatIpv4, ipv4, ipv4Block, lastOf } from "./ipv4.ts";
import type { Network } from "./network.ts";

/** An address that a container has, for as long as the process of that pid and start time lives in this boot. */
export interface Lease {
  readonly container: string;
  readonly address: string;
  readonly address6?: string | undefined;
  /** What the container is called on the network; its own name first. */
  readonly names?: readonly string[] | undefined;
  /** Whom to ask for other names (--dns); absent: those that the host asks. */
  readonly servers?: readonly string[] | undefined;
  readonly bootId: string;
  readonly pid: number;
  readonly startTime: string;
}

/** The leases of one network. */
export interface Pool {
  /** The subnet that they are of. */
  readonly subnet: string;
  /** The address that was handed out last. */
  readonly last?: string | undefined;
  readonly leases: readonly Lease[];
}

/** A lease to be made: its address is the next free one unless given. */
export type LeaseDraft = Omit<Lease, "address"> & { readonly address?: string | undefined };

function nextFree(pool: Pool, network: Network): number {
  const block = ipv4Block(network.subnet);
  const first = block.base + 1;
  const size = lastOf(block) - first;
  const taken = new Set(pool.leases.map(({ address }) => ipv4(address)));
  taken.add(ipv4(network.gateway));
  const start = pool.last === undefined ? 0 : ipv4(pool.last) + 1 - first;
  for (let step = 0; step < size; step += 1) {
    const address = first + ((start + step) % size);
    if (!taken.has(address)) return address;
  }
  throw new UsageError(
    `network ${network.name}: all ${size - 1} addresses of ${network.subnet} are taken: ` +
      "stop containers, or set MDOCKER_SUBNET to a larger subnet",
  );
}

/**
 * Adds a lease. The same container asking again gets what it has.
 * @throws UsageError when the address is taken or none is left.
 */
export function take(before: Pool, network: Network, draft: LeaseDraft): { pool: Pool; lease: Lease } {
  const { name, subnet } = network;
  if (before.subnet !== subnet && before.leases.length > 0) {
    throw new UsageError(
      `network ${name}: containers use it with ${before.subnet}: stop them before it can have ${subnet}`,
    );
  }
  const pool = before.subnet === subnet ? before : { subnet, leases: [] };
  const holder = pool.leases.find(({ address }) => address === draft.address);
  if (holder !== undefined && holder.container !== draft.container) {
    const whom = holder.container.slice(0, 12);
    throw new UsageError(`--ip: ${holder.address}: container ${whom} has it on network ${name}`);
  }
  const own = pool.leases.find(({ container }) => container === draft.container);
  if (own !== undefined && draft.address !== undefined && own.address !== draft.address) {
    throw new UsageError(`--ip: ${draft.address}: the container has ${own.address} on network ${name}`);
  }
  const address = own?.address ?? draft.address ?? formatIpv4(nextFree(pool, network));
  const lease: Lease = { ...draft, address };
  const chosen = draft.address !== undefined || own !== undefined;
  const leases = [...pool.leases.filter((it) => it !== own), lease];
  return { pool: { subnet, last: chosen ? pool.last : address, leases }, lease };
}

/** Takes a container's lease away. */
export function release(pool: Pool, container: string): Pool {
  return { ...pool, leases: pool.leases.filter((lease) => lease.container !== container) };
}
