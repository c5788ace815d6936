import { UsageError } from "../src/core/errors.ts";
import { formatIpv4, ipv4, ipv4Block, lastOf, parseIpv4 } from "./ipv4.ts";
import { formatIpv6, ipv6Block, lastOf6, parseIpv6 } from "./ipv6.ts";
import type { Network } from "./network.ts";

/*
 * Checks of what a user typed, by ip-cidr. It takes 26 ms to load, as much as Node itself: only those who name a subnet or
 * an address pay for it.
 */

/**
 * A subnet with room for containers, and its first address as the gateway.
 * @param what Names the option in errors.
 * @throws UsageError unless it is an IPv4 block of /8 to /30, written by its first address.
 */
export async function parseSubnet(text: string, what: string): Promise<{ subnet: string; gateway: string }> {
  const { default: IPCIDR } = await import("ip-cidr");
  const refuse = (expected: string): never => {
    throw new UsageError(`${what}: ${text}: expected ${expected}`);
  };
  const isBlock = text.includes("/") && IPCIDR.isValidCIDR(text);
  if (!isBlock || text.includes(":")) refuse("an IPv4 subnet such as 10.200.1.0/24");
  const first = new IPCIDR(text).start<string>();
  const length = Number(text.split("/")[1]);
  if (length < 8 || length > 30) refuse("a prefix length of /8 to /30");
  if (text !== `${first}/${length}`) refuse(`${first}/${length}, the subnet's first address`);
  return { subnet: text, gateway: formatIpv4(ipv4(first) + 1) };
}

/**
 * Refuses an address that no container of the network can have.
 * @throws UsageError that says what is wrong with it.
 */
export async function checkFixedAddress(network: Network, address: string): Promise<void> {
  const { default: IPCIDR } = await import("ip-cidr");
  const { subnet, gateway, name } = network;
  const refuse = (why: string): never => {
    throw new UsageError(`--ip: ${address}: ${why}`);
  };
  if (subnet === "") refuse(`network ${name} has no IPv4 addresses`);
  if (parseIpv4(address) === undefined || !IPCIDR.isValidAddress(address)) {
    refuse(`expected an IPv4 address of ${subnet}`);
  }
  if (!new IPCIDR(subnet).contains(address)) refuse(`outside of ${subnet}, the subnet of network ${name}`);
  if (address === gateway) refuse(`that is the gateway of network ${name}`);
  refuseAuxiliary(network, address, refuse);
  const block = ipv4Block(subnet);
  if (ipv4(address) === block.base) refuse(`that is the address of the subnet ${subnet} itself`);
  if (ipv4(address) === lastOf(block)) refuse(`that is the broadcast address of ${subnet}`);
}

function refuseAuxiliary({ auxiliary }: Network, address: string, refuse: (why: string) => never): void {
  const found = Object.entries(auxiliary ?? {}).find(([, taken]) => taken === address);
  if (found !== undefined) refuse(`reserved for ${found[0]} by --aux-address`);
}

/**
 * The same as {@link parseSubnet} for IPv6, in canonical form.
 * @throws UsageError unless it is an IPv6 block of /16 to /126, written by its first address.
 */
export function parseSubnet6(text: string, what: string): { subnet: string; gateway: string } {
  const refuse = (expected: string): never => {
    throw new UsageError(`${what}: ${text}: expected ${expected}`);
  };
  const [address = "", digits = ""] = text.split("/");
  const length = Number(digits);
  const value = parseIpv6(address);
  if (value === undefined || !/^\d{1,3}$/.test(digits) || text.split("/").length !== 2)
    throw refuse("an IPv6 subnet such as fd00:1:2:3::/64");
  if (length < 16 || length > 126) refuse("a prefix length of /16 to /126");
  const { base } = ipv6Block(text);
  const subnet = `${formatIpv6(base)}/${length}`;
  if (value !== base) refuse(`${subnet}, the subnet's first address`);
  return { subnet, gateway: formatIpv6(base + 1n) };
}

/**
 * Refuses an IPv6 address that no container of the network can have.
 * @param address In canonical form.
 * @throws UsageError that says what is wrong with it.
 */
export function checkFixedAddress6(network: Network, address: string): void {
  const { subnet6, gateway6, name } = network;
  const refuse = (why: string): never => {
    throw new UsageError(`--ip6: ${address}: ${why}`);
  };
  if (subnet6 === undefined) throw refuse(`network ${name} has no IPv6: create it with --ipv6`);
  const value = parseIpv6(address);
  if (value === undefined) throw refuse(`expected an IPv6 address of ${subnet6}`);
  const block = ipv6Block(subnet6);
  if (value < block.base || value > lastOf6(block))
    refuse(`outside of ${subnet6}, the subnet of network ${name}`);
  if (address === gateway6) refuse(`that is the gateway of network ${name}`);
  if (value === block.base) refuse(`that is the address of the subnet ${subnet6} itself`);
  refuseAuxiliary(network, address, refuse);
}
