import { ConflictError, UsageError } from "../src/core/errors.ts";
import { ipv4Block, lastOf, overlap, parseIpv4 } from "./ipv4.ts";
import { formatIpv6, ipv6, ipv6Block, lastOf6, overlap6, parseIpv6 } from "./ipv6.ts";
import type { Network } from "./network.ts";
import { checkFixedAddress, checkFixedAddress6, parseSubnet, parseSubnet6 } from "./subnet.ts";

/** The addresses that a user asks of a new network; of each kind at most one of IPv4 and one of IPv6. */
export interface RangeWish {
  readonly subnets: readonly string[];
  readonly gateways: readonly string[];
  readonly ipRanges: readonly string[];
  /** Reserved addresses, by name. */
  readonly auxiliary: Readonly<Record<string, string>>;
}

/** The part of a {@link Network} that is about addresses. IPv4 is absent when a free subnet is to be found. */
export type Ranges = Pick<Network, "ipRange" | "subnet6" | "gateway6" | "ipRange6" | "auxiliary"> &
  Partial<Pick<Network, "subnet" | "gateway">>;

const isV6 = (text: string): boolean => text.includes(":");

/** The only one of each family. @throws UsageError for a second one. */
function split(values: readonly string[], flag: string): { v4: string | undefined; v6: string | undefined } {
  const [v4, more4] = values.filter((value) => !isV6(value));
  const [v6, more6] = values.filter(isV6);
  const second = more4 ?? more6;
  if (second !== undefined)
    throw new UsageError(
      `${flag}: ${second}: a network has one IPv4 and one IPv6 subnet: make a second network for more`,
    );
  return { v4, v6 };
}

/** True for an address or a block that lies wholly in the subnet, both of one family. */
function isInside(subnet: string, part: string): boolean {
  if (isV6(subnet)) {
    const [outer, inner] = [ipv6Block(subnet), ipv6Block(part)];
    return inner.base >= outer.base && lastOf6(inner) <= lastOf6(outer);
  }
  const [outer, inner] = [ipv4Block(subnet), ipv4Block(part)];
  return inner.base >= outer.base && lastOf(inner) <= lastOf(outer);
}

function needSubnet(flag: string, what: string, value: string): never {
  const family = isV6(value) ? "IPv6 --subnet" : "--subnet";
  throw new UsageError(`${flag}: ${value}: needs ${family}: ${what} of which subnet?`);
}

function checkRange(text: string, subnet: string | undefined): string {
  const [address = "", length = ""] = text.split("/");
  const most = isV6(text) ? 128 : 32;
  const isBlock =
    (isV6(text) ? parseIpv6(address) : parseIpv4(address)) !== undefined &&
    /^\d{1,3}$/.test(length) &&
    Number(length) <= most;
  if (!isBlock) throw new UsageError(`--ip-range: ${text}: expected a block such as 10.200.2.128/25`);
  if (subnet === undefined) return needSubnet("--ip-range", "a part", text);
  if (!isInside(subnet, text)) throw new UsageError(`--ip-range: ${text}: expected a part of ${subnet}`);
  return isV6(text) ? `${formatIpv6(ipv6Block(text).base)}/${length}` : text;
}

async function checkGateway(gateway: string, subnet: string | undefined): Promise<string> {
  const valid = isV6(gateway) ? parseIpv6(gateway) : parseIpv4(gateway);
  if (valid === undefined)
    throw new UsageError(`--gateway: ${gateway}: expected an address of ${subnet ?? "the subnet"}`);
  if (subnet === undefined) return needSubnet("--gateway", "an address", gateway);
  const network = { name: "", subnet, gateway: "", subnet6: subnet } as Network;
  const canonical = isV6(gateway) ? formatIpv6(ipv6(gateway)) : gateway;
  try {
    if (isV6(gateway)) checkFixedAddress6(network, canonical);
    else await checkFixedAddress(network, gateway);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const message = error.message.replace(/^--ip6?/, "--gateway").replace(/, the subnet of network $/, "");
    throw new UsageError(message, { cause: error });
  }
  return canonical;
}

function checkAuxiliary(
  auxiliary: RangeWish["auxiliary"],
  subnets: readonly (string | undefined)[],
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(auxiliary).map(([name, address]) => {
      const valid = isV6(address) ? parseIpv6(address) : parseIpv4(address);
      if (valid === undefined)
        throw new UsageError(`--aux-address: ${name}=${address}: expected NAME=ADDRESS`);
      const inside = subnets.some(
        (subnet) => subnet !== undefined && isV6(subnet) === isV6(address) && isInside(subnet, address),
      );
      if (!inside) throw new UsageError(`--aux-address: ${name}=${address}: no --subnet has that address`);
      return [name, isV6(address) ? formatIpv6(ipv6(address)) : address];
    }),
  );
}

/**
 * Reads what a user has said of a network's addresses, and completes it.
 * @throws UsageError for what is malformed, of a second subnet, or outside of its subnet.
 */
export async function readRanges(wish: RangeWish): Promise<Ranges> {
  const subnets = split(wish.subnets, "--subnet");
  const v4 = subnets.v4 === undefined ? undefined : await parseSubnet(subnets.v4, "--subnet");
  const v6 = subnets.v6 === undefined ? undefined : parseSubnet6(subnets.v6, "--subnet");
  const gateways = split(wish.gateways, "--gateway");
  const ranges = split(wish.ipRanges, "--ip-range");
  const gateway = gateways.v4 === undefined ? v4?.gateway : await checkGateway(gateways.v4, v4?.subnet);
  const gateway6 = gateways.v6 === undefined ? v6?.gateway : await checkGateway(gateways.v6, v6?.subnet);
  const auxiliary = checkAuxiliary(wish.auxiliary, [v4?.subnet, v6?.subnet]);
  return {
    ...(v4 !== undefined && gateway !== undefined && { subnet: v4.subnet, gateway }),
    ...(ranges.v4 !== undefined && { ipRange: checkRange(ranges.v4, v4?.subnet) }),
    ...(v6 !== undefined && { subnet6: v6.subnet, gateway6 }),
    ...(ranges.v6 !== undefined && { ipRange6: checkRange(ranges.v6, v6?.subnet) }),
    ...(Object.keys(auxiliary).length > 0 && { auxiliary }),
  };
}

/**
 * A unique local /64 for a network (RFC 4193): fd, 40 bits that are random because the id is, and 16 for the subnet.
 * @param id 64 hex digits.
 */
export function uniqueLocalSubnet(id: string): { subnet6: string; gateway6: string } {
  const base = BigInt(`0xfd${id.slice(0, 14)}`) << 64n;
  return { subnet6: `${formatIpv6(base)}/64`, gateway6: formatIpv6(base + 1n) };
}

/** Refuses a network whose subnets another one has. @throws ConflictError that names it. */
export function refuseOverlap(ranges: Ranges, others: readonly Network[]): void {
  for (const other of others) {
    const { subnet, subnet6 } = ranges;
    if (subnet !== undefined && other.subnet !== "" && overlap(ipv4Block(subnet), ipv4Block(other.subnet)))
      throw new ConflictError(`--subnet: ${subnet} overlaps ${other.subnet} of network ${other.name}`);
    if (
      subnet6 !== undefined &&
      other.subnet6 !== undefined &&
      overlap6(ipv6Block(subnet6), ipv6Block(other.subnet6))
    )
      throw new ConflictError(`--subnet: ${subnet6} overlaps ${other.subnet6} of network ${other.name}`);
  }
}
