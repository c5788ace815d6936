import { ConflictError, UsageError } from "../src/core/errors.ts";
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
import { ipv4Block, overlap, parseIpv4 } from "./ipv4.ts";
import { withNetlink } from "./netlink/client.ts";
import { defaultNetwork, type Network } from "./network.ts";
import { ensureNetworkFolder, networksLock } from "./state.ts";
import { checkFixedAddress, parseSubnet } from "./subnet.ts";

/** What a user asks of a new network. */
export interface NetworkWish {
  readonly name: string;
  /** Absent: the first /24 after 10.200.0.0 that neither a route nor another network has. */
  readonly subnet?: string | undefined;
  /** Absent: the first address of the subnet. */
  readonly gateway?: string | undefined;
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Driver options: see {@link networkOptions}. */
  readonly options: Readonly<Record<string, string>>;
}

/** The options of the bridge driver: ours, and docker's names for them. */
const aliases: Readonly<Record<string, string>> = {
  mtu: "mtu",
  icc: "icc",
  masquerade: "masquerade",
  bridge: "bridge",
  host_binding_ipv4: "host_binding_ipv4",
  "com.docker.network.driver.mtu": "mtu",
  "com.docker.network.bridge.enable_icc": "icc",
  "com.docker.network.bridge.enable_ip_masquerade": "masquerade",
  "com.docker.network.bridge.name": "bridge",
  "com.docker.network.bridge.host_binding_ipv4": "host_binding_ipv4",
};

function flag(text: string, option: string): boolean {
  if (/^(true|1)$/.test(text)) return true;
  if (/^(false|0)$/.test(text)) return false;
  throw new UsageError(`network option ${option}: ${text}: expected true or false`);
}

type Settings = Partial<Pick<Network, "icc" | "masquerade" | "mtu" | "bridge" | "hostBinding">>;

/** The options as settings. @throws UsageError for one that is not known, or its value. */
function settingsOf(options: NetworkWish["options"]): Settings {
  const settings: { -readonly [K in keyof Settings]: Settings[K] } = {};
  for (const [option, text] of Object.entries(options)) {
    switch (Object.hasOwn(aliases, option) ? aliases[option] : undefined) {
      case "mtu": {
        const mtu = Number(text);
        // The least that IPv4 asks for (RFC 791), and the most that the kernel gives a veth.
        if (!/^\d+$/.test(text) || mtu < 68 || mtu > 65_535)
          throw new UsageError(`network option ${option}: ${text}: expected 68 to 65535`);
        settings.mtu = mtu;
        break;
      }
      case "icc":
        settings.icc = flag(text, option);
        break;
      case "masquerade":
        settings.masquerade = flag(text, option);
        break;
      case "host_binding_ipv4":
        if (parseIpv4(text) === undefined)
          throw new UsageError(
            `network option ${option}: ${text}: expected an IPv4 address of the host, or 0.0.0.0 for all`,
          );
        settings.hostBinding = text;
        break;
      case "bridge":
        if (!/^[a-zA-Z0-9][\w.-]{0,14}$/.test(text))
          throw new UsageError(
            `network option ${option}: ${text}: expected a link name of up to 15 characters`,
          );
        settings.bridge = text;
        break;
      default:
        throw new UsageError(`network option ${option}: expected one of ${Object.keys(aliases).join(", ")}`);
    }
  }
  return settings;
}

/** The networks whose addresses are spoken for: the default one, and all that are defined. */
async function spokenFor(instance: Instance): Promise<Network[]> {
  return [await defaultNetwork(instance), ...listDefinitions(instance).map(({ network }) => network)];
}

function refuseOverlap(subnet: string, others: readonly Network[]): void {
  const block = ipv4Block(subnet);
  const other = others.find((network) => overlap(block, ipv4Block(network.subnet)));
  if (other !== undefined)
    throw new ConflictError(`--subnet: ${subnet} overlaps ${other.subnet} of network ${other.name}`);
}

async function checkGateway(network: Network, gateway: string): Promise<void> {
  if (parseIpv4(gateway) === undefined)
    throw new UsageError(`--gateway: ${gateway}: expected an IPv4 address of ${network.subnet}`);
  try {
    await checkFixedAddress({ ...network, gateway: "0.0.0.0" }, gateway);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(error.message.replace("--ip", "--gateway"), { cause: error });
  }
}

/**
 * Defines a network. Nothing is made in the kernel yet: its first container does that.
 * @throws ConflictError when the name or the addresses are taken; UsageError for what is not understood.
 */
export async function defineNetwork(instance: Instance, wish: NetworkWish): Promise<NetworkDefinition> {
  const { name, internal, labels, options } = wish;
  checkNetworkName(name);
  if (wish.gateway !== undefined && wish.subnet === undefined)
    throw new UsageError("--gateway: needs --subnet: an address of which subnet?");
  const settings = settingsOf(options);
  const range = wish.subnet === undefined ? undefined : await parseSubnet(wish.subnet, "--subnet");
  const others = await spokenFor(instance);
  if (others.slice(1).some((other) => other.name === name))
    throw new ConflictError(`network with name ${name} already exists`);
  if (range !== undefined) refuseOverlap(range.subnet, others);
  const id = newNetworkId();
  const make = (found: { subnet: string; gateway: string }): Network => ({
    name,
    owner: instance.prefix,
    bridge: `${instance.prefix}-${id.slice(0, 14 - instance.prefix.length)}`,
    icc: true,
    masquerade: true,
    ...settings,
    ...found,
    internal,
  });
  if (range !== undefined && wish.gateway !== undefined) await checkGateway(make(range), wish.gateway);
  ensureNetworkFolder(instance, name);
  // Two that look for free addresses at once must not find the same.
  return withLock(networksLock(instance), () => {
    const found =
      range ?? pickRange([...others.slice(0, 1), ...listDefinitions(instance).map((it) => it.network)]);
    const network = make({ ...found, gateway: wish.gateway ?? found.gateway });
    const definition = { id, created: new Date().toISOString(), labels, options, network };
    addDefinition(instance, definition);
    return definition;
  });
}

function pickRange(others: readonly Network[]): { subnet: string; gateway: string } {
  const routes = withNetlink(mainRoutes);
  const subnet = freeSubnet(
    routes,
    others.map((network) => ipv4Block(network.subnet)),
  );
  if (subnet === undefined) throw new ConflictError("no free subnet is left: name one with --subnet");
  return { subnet, gateway: subnet.replace(/\.0\/24$/, ".1") };
}
