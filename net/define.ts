import { existsSync } from "node:fs";
import { ConflictError, SetupError } from "../src/core/errors.ts";
import type { Instance } from "../src/core/paths.ts";
import { withLock } from "../src/sys/flock.ts";
import { freeSubnet, mainRoutes } from "./collision.ts";
import {
  addDefinition,
  checkNetworkName,
  listDefinitions,
  type NetworkDefinition,
  newNetworkId,
} from "./definition.ts";
import { requireDriver } from "./driver/kernel.ts";
import { readOptions } from "./driver/options.ts";
import { ipv4Block } from "./ipv4.ts";
import { withNetlink } from "./netlink/client.ts";
import { defaultNetwork, type Network, type NetworkDriver } from "./network.ts";
import { type Ranges, type RangeWish, readRanges, refuseOverlap, uniqueLocalSubnet } from "./ranges.ts";
import { ensureNetworkFolder, networksLock } from "./state.ts";

/** What a user asks of a new network. Without an IPv4 subnet it gets the first /24 after 10.200.0.0 that is free. */
export interface NetworkWish extends RangeWish {
  readonly name: string;
  readonly driver: NetworkDriver;
  /** IPv6 too: with the subnet that was named, or a unique local one. */
  readonly ipv6: boolean;
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Driver options: see driver/options.ts. */
  readonly options: Readonly<Record<string, string>>;
}

/** The networks whose addresses are spoken for: the default one, and all that are defined. */
async function spokenFor(instance: Instance): Promise<Network[]> {
  return [await defaultNetwork(instance), ...listDefinitions(instance).map(({ network }) => network)];
}

/** A cable needs no addresses unless somebody names them. */
function needsSubnet({ driver }: NetworkWish): boolean {
  return driver !== "link";
}

function requireIpv6(ranges: Ranges): void {
  if (ranges.subnet6 !== undefined && !existsSync("/proc/sys/net/ipv6"))
    throw new SetupError("--ipv6: this kernel has no IPv6: boot it without ipv6.disable=1");
}

/**
 * Defines a network. Nothing is made in the kernel yet: its first container does that.
 * @throws ConflictError when the name or the addresses are taken; UsageError for what is not understood; SetupError for
 * what this kernel cannot do.
 */
export async function defineNetwork(instance: Instance, wish: NetworkWish): Promise<NetworkDefinition> {
  const { name, driver, internal, labels, options } = wish;
  checkNetworkName(name);
  const settings = readOptions(driver, options);
  const id = newNetworkId();
  const asked = await readRanges(wish);
  const ranges = wish.ipv6 && asked.subnet6 === undefined ? { ...asked, ...uniqueLocalSubnet(id) } : asked;
  const others = await spokenFor(instance);
  if (others.slice(1).some((other) => other.name === name))
    throw new ConflictError(`network with name ${name} already exists`);
  refuseOverlap(ranges, others);
  requireIpv6(ranges);
  requireDriver(driver, settings);
  const bridged = driver === "bridge" || driver === "vxlan";
  const make = (found: { subnet: string; gateway: string }): Network => ({
    name,
    owner: instance.prefix,
    ...(driver !== "bridge" && { driver }),
    bridge: `${instance.prefix}-${id.slice(0, 14 - instance.prefix.length)}`,
    icc: true,
    masquerade: bridged,
    ...settings,
    ...ranges,
    ...found,
    // Nobody is at the other end of a cable unless a user says so.
    ...(driver === "link" && withoutGateways(wish)),
    internal,
  });
  ensureNetworkFolder(instance, name);
  // Two that look for free addresses at once must not find the same.
  return withLock(networksLock(instance), () => {
    const { subnet, gateway } = ranges;
    const found =
      subnet !== undefined && gateway !== undefined
        ? { subnet, gateway }
        : needsSubnet(wish)
          ? pickRange([...others.slice(0, 1), ...listDefinitions(instance).map((it) => it.network)])
          : { subnet: "", gateway: "" };
    const definition = { id, created: new Date().toISOString(), labels, options, network: make(found) };
    addDefinition(instance, definition);
    return definition;
  });
}

function withoutGateways({ gateways }: NetworkWish): Partial<Network> {
  return {
    ...(!gateways.some((it) => !it.includes(":")) && { gateway: "" }),
    ...(!gateways.some((it) => it.includes(":")) && { gateway6: undefined }),
  };
}

function pickRange(others: readonly Network[]): { subnet: string; gateway: string } {
  const routes = withNetlink((client) => mainRoutes(client));
  const taken = others.filter(({ subnet }) => subnet !== "").map(({ subnet }) => ipv4Block(subnet));
  const subnet = freeSubnet(routes, taken);
  if (subnet === undefined) throw new ConflictError("no free subnet is left: name one with --subnet");
  return { subnet, gateway: subnet.replace(/\.0\/24$/, ".1") };
}
