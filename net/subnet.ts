import { UsageError } from "../src/core/errors.ts";
import { formatIpv4, ipv4, ipv4Block, lastOf, parseIpv4 } from "./ipv4.ts";
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
  if (parseIpv4(address) === undefined || !IPCIDR.isValidAddress(address)) {
    refuse(`expected an IPv4 address of ${subnet}`);
  }
  if (!new IPCIDR(subnet).contains(address)) refuse(`outside of ${subnet}, the subnet of network ${name}`);
  if (address === gateway) refuse(`that is the gateway of network ${name}`);
  const block = ipv4Block(subnet);
  if (ipv4(address) === block.base) refuse(`that is the address of the subnet ${subnet} itself`);
  if (ipv4(address) === lastOf(block)) refuse(`that is the broadcast address of ${subnet}`);
}
