import { UsageError } from "../src/core/errors.ts";
import { formatIpv4, ipv4, ipv4Block, lastOf } from "./ipv4.ts";
import { formatIpv6, ipv6Block, lastOf6 } from "./ipv6.ts";
import type { Network } from "./network.ts";

/** An address that a container has, for as long as the process of that pid and start time lives in this boot. */
export interface Lease {
  readonly container: string;
  /** Empty on a network without IPv4 addresses. */
  readonly address: string;
  /** On networks with IPv6. */
  readonly address6?: string | undefined;
  /** What the container is called on the network; its own name first. */
  readonly names?: readonly string[] | undefined;
  /** Whom to ask for other names (--dns); absent: those that the host asks. */
  readonly servers?: readonly string[] | undefined;
  /** Another had the address until lately: who remembers that one's MAC, or where it was, has to be told. */
  readonly announce?: boolean | undefined;
  readonly bootId: string;
  readonly pid: number;
  readonly startTime: string;
}

/** The leases of one network. */
export interface Pool {
  /** The subnets that they are of. */
  readonly subnet: string;
  readonly subnet6?: string | undefined;
  /** The address that was handed out last. */
  readonly last?: string | undefined;
  /** How far the search for the dead has come: an index into the leases. */
  readonly swept?: number | undefined;
  /** The addresses that were given back last, the latest at the end. */
  readonly left?: readonly string[] | undefined;
  readonly leases: readonly Lease[];
}

/** A lease to be made: its addresses are the next free ones unless given. */
export type LeaseDraft = Omit<Lease, "address"> & { readonly address?: string | undefined };

type IsLive = (lease: Lease) => boolean;

/** How many leases each allocation looks at: all of them would make it slower with every container. */
const sweepSize = 8;

/**
 * How many addresses are known to have been given back: a start beside 200 others finds one that is not among them, and
 * needs no frame to all of them.
 */
const leftSize = 32;

/** Drops all leases but those that `keep` names, and notes their addresses. */
export function keepOnly(pool: Pool, keep: (lease: Lease) => boolean): Pool {
  const leases: Lease[] = [];
  const gone: string[] = [];
  for (const lease of pool.leases) {
    if (keep(lease)) leases.push(lease);
    else if (lease.address !== "") gone.push(lease.address);
  }
  if (leases.length === pool.leases.length) return pool;
  const left = [...(pool.left ?? []).filter((address) => !gone.includes(address)), ...gone];
  return { ...pool, left: left.slice(-leftSize), leases };
}

/** Drops the dead among a few leases, others than the last time. */
function sweep(pool: Pool, isLive: IsLive): Pool {
  const { leases } = pool;
  if (leases.length === 0) return pool;
  const start = (pool.swept ?? 0) % leases.length;
  const dead = new Set(leases.slice(start, start + sweepSize).filter((lease) => !isLive(lease)));
  const swept = start + sweepSize - dead.size;
  return keepOnly({ ...pool, swept }, (lease) => !dead.has(lease));
}

/** The addresses that may be handed out, without the reserved ones. */
function candidates(network: Network): { first: number; size: number; reserved: ReadonlySet<number> } {
  const subnet = ipv4Block(network.subnet);
  const range = ipv4Block(network.ipRange ?? network.subnet);
  const first = Math.max(range.base, subnet.base + 1);
  const size = Math.min(lastOf(range), lastOf(subnet) - 1) - first + 1;
  const auxiliary = Object.values(network.auxiliary ?? {}).filter((address) => !address.includes(":"));
  const reserved = [network.gateway, ...auxiliary].filter((address) => address !== "").map(ipv4);
  return { first, size, reserved: new Set(reserved.filter((it) => it >= first && it < first + size)) };
}

function nextFree(pool: Pool, network: Network, isLive: IsLive): string {
  const { first, size, reserved } = candidates(network);
  const taken = new Map(pool.leases.map((lease) => [lease.address, lease]));
  const start = pool.last === undefined ? 0 : ipv4(pool.last) + 1 - first;
  for (let step = 0; step < size; step += 1) {
    const place = (((start + step) % size) + size) % size;
    if (reserved.has(first + place)) continue;
    const address = formatIpv4(first + place);
    const holder = taken.get(address);
    if (holder === undefined || !isLive(holder)) return address;
  }
  const { name, ipRange, subnet } = network;
  const advice =
    name === "bridge" ? "set MDOCKER_SUBNET to a larger subnet" : "use a network with a larger --subnet";
  throw new UsageError(
    `network ${name}: all ${size - reserved.size} addresses of ${ipRange ?? subnet} are taken: stop containers, or ${advice}`,
  );
}

/** The IPv6 address with the same number in its subnet as the IPv4 one has, or the next free one after it. */
function nextFree6(pool: Pool, network: Network, address: string, isLive: IsLive): string {
  const { subnet, subnet6 = "", ipRange6, gateway6, auxiliary } = network;
  const range = ipv6Block(ipRange6 ?? subnet6);
  const size = lastOf6(range) - range.base + 1n;
  const number = address === "" ? pool.leases.length + 1 : ipv4(address) - ipv4Block(subnet).base;
  const reserved = new Set([...Object.values(auxiliary ?? {}), gateway6]);
  const taken = new Map(pool.leases.map((lease) => [lease.address6, lease]));
  for (let step = 0n; step < size; step += 1n) {
    const value = range.base + ((BigInt(number) + step) % size);
    // The first address of a subnet is that of all its routers (RFC 4291, 2.6.1).
    if (value === ipv6Block(subnet6).base) continue;
    const candidate = formatIpv6(value);
    const holder = taken.get(candidate);
    if (!reserved.has(candidate) && (holder === undefined || !isLive(holder))) return candidate;
  }
  throw new UsageError(`network ${network.name}: all addresses of ${ipRange6 ?? subnet6} are taken`);
}

function ownOf(pool: Pool, container: string, isLive: IsLive): Lease | undefined {
  return pool.leases.find((lease) => lease.container === container && isLive(lease));
}

/** Refuses an address that another living container has. */
function refuseTaken(pool: Pool, network: Network, draft: LeaseDraft, isLive: IsLive): void {
  for (const [key, flag] of [
    ["address", "--ip"],
    ["address6", "--ip6"],
  ] as const) {
    const wanted = draft[key];
    if (wanted === undefined) continue;
    const holder = pool.leases.find((lease) => lease[key] === wanted && lease.container !== draft.container);
    if (holder !== undefined && isLive(holder)) {
      const whom = holder.container.slice(0, 12);
      throw new UsageError(`${flag}: ${wanted}: container ${whom} has it on network ${network.name}`);
    }
    const own = ownOf(pool, draft.container, isLive);
    if (own !== undefined && own[key] !== wanted)
      throw new UsageError(`${flag}: ${wanted}: the container has ${own[key]} on network ${network.name}`);
  }
}

/** A cable has two ends. */
function refuseThird(pool: Pool, { name, driver }: Network, container: string, isLive: IsLive): void {
  if (driver !== "link") return;
  const others = pool.leases.filter((lease) => lease.container !== container && isLive(lease));
  if (others.length < 2) return;
  const whom = others.map((lease) => lease.container.slice(0, 12)).join(" and ");
  throw new UsageError(`network ${name}: a link has two ends, and containers ${whom} have them`);
}

/**
 * Adds a lease. The same container asking again gets what it has.
 * @param isLive Whether a lease counts: those of the dead are taken over as they are met.
 * @throws UsageError when the address is taken or none is left.
 */
export function take(
  before: Pool,
  network: Network,
  draft: LeaseDraft,
  isLive: IsLive = () => true,
): { pool: Pool; lease: Lease } {
  const { name, subnet, subnet6 } = network;
  const same = before.subnet === subnet && before.subnet6 === subnet6;
  if (!same && before.leases.some(isLive)) {
    const [had, has] = [before, network].map((it) => [it.subnet, it.subnet6].filter(Boolean).join(" and "));
    throw new UsageError(
      `network ${name}: containers use it with ${had}: stop them before it can have ${has}`,
    );
  }
  const pool: Pool = same ? sweep(before, isLive) : { subnet, subnet6, leases: [] };
  refuseTaken(pool, network, draft, isLive);
  refuseThird(pool, network, draft.container, isLive);
  const own = ownOf(pool, draft.container, isLive);
  const address = own?.address ?? draft.address ?? (subnet === "" ? "" : nextFree(pool, network, isLive));
  const address6 =
    subnet6 === undefined
      ? undefined
      : (own?.address6 ?? draft.address6 ?? nextFree6(pool, network, address, isLive));
  const chosen = draft.address !== undefined || own !== undefined || address === "";
  // Whoever had one of the addresses is dead.
  const { left = [], ...rest } = keepOnly(
    { ...pool, leases: pool.leases.filter((it) => it.container !== draft.container) },
    (it) =>
      (it.address === "" || it.address !== address) && (address6 === undefined || it.address6 !== address6),
  );
  const announce = own === undefined ? left.includes(address) : own.announce === true;
  const lease: Lease = { ...draft, address, address6, ...(announce && { announce }) };
  return {
    pool: {
      ...rest,
      last: chosen ? pool.last : address,
      left: left.filter((it) => it !== address),
      leases: [...rest.leases, lease],
    },
    lease,
  };
}

/** Takes a container's lease away. */
export function release(pool: Pool, container: string): Pool {
  return keepOnly(pool, (lease) => lease.container !== container);
}
