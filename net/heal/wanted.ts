import type { Uplink } from "../driver/driver.ts";
import { driverOf } from "../driver/drivers.ts";
import { hasBridge } from "../network.ts";
import { planNetwork } from "../plan.ts";
import type { NetlinkStep } from "../step.ts";
import type { Sysctl } from "../sysctl.ts";
import type { Act, WantedEndpoint, WantedNetwork } from "./mend.ts";

/** An address of a link of the host, and the subnet that the host reaches by it. */
export interface WantedAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly subnet: string;
}

/** A link of the host as it shall be. What is absent is not looked at. */
export interface WantedLink {
  readonly network: string;
  readonly container?: string | undefined;
  /** `bridge mdocker0`. */
  readonly called: string;
  readonly name: string;
  readonly alias: string;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly up: boolean;
  readonly isolated?: boolean | undefined;
  /** True: what came in by it may go out by it again. Else that is not looked at. */
  readonly hairpin?: boolean | undefined;
  /** Name of the bridge that it is a port of. */
  readonly master?: string | undefined;
  readonly addresses: readonly WantedAddress[];
  /** Of a tunnel end: the hosts that frames to all are sent to. */
  readonly floods?: readonly string[] | undefined;
  /** One of that name that is not ours is used as it is. */
  readonly shared?: boolean | undefined;
  /** How it is made where it is missing; absent: then nothing is done. */
  readonly make?: Act | undefined;
}

/** A setting as it shall be. */
export interface WantedSetting {
  readonly network: string;
  readonly sysctl: Sysctl;
}

function find<K extends NetlinkStep["kind"]>(
  steps: readonly NetlinkStep[],
  kind: K,
): Extract<NetlinkStep, { kind: K }> | undefined {
  return steps.find((step): step is Extract<NetlinkStep, { kind: K }> => step.kind === kind);
}

function bridgeLink({ network, mtu, idle }: WantedNetwork): WantedLink[] {
  if (!hasBridge(network)) return [];
  const { bridge, address } = planNetwork(network, mtu);
  const made = find(bridge, "new-bridge");
  const marked = find(bridge, "alias");
  if (made === undefined || marked === undefined) return [];
  const subnetOf = (text: string): string => (text.includes(":") ? network.subnet6 : network.subnet) ?? "";
  const steps = [made, marked, { kind: "up", link: made.name, reason: "ready for containers" } as const];
  return [
    {
      network: network.name,
      called: `bridge ${made.name}`,
      name: made.name,
      alias: marked.alias,
      mac: made.mac,
      mtu,
      up: true,
      addresses: address.flatMap((step) =>
        step.kind === "new-address"
          ? [{ address: step.address, prefixLength: step.prefixLength, subnet: subnetOf(step.address) }]
          : [],
      ),
      make: idle ? undefined : { kind: "steps", steps },
    },
  ];
}

/** A VLAN or tunnel of our own; a link of the host that we only use is the host's business. */
function uplinkLink({ network, mtu, idle }: WantedNetwork): WantedLink[] {
  const uplink: Uplink | undefined = planNetwork(network, mtu).uplink;
  if (uplink === undefined || uplink.make.length === 0) return [];
  const { name, alias, follow } = uplink;
  return [
    {
      network: network.name,
      called: `uplink ${name}`,
      name,
      alias,
      up: find(follow, "up") !== undefined,
      master: find(follow, "enslave")?.bridge,
      addresses: [],
      floods: follow.flatMap((step) => (step.kind === "flood" ? [step.remote] : [])),
      shared: uplink.foreign === "use",
      make: idle ? undefined : { kind: "uplink", network, uplink },
    },
  ];
}

function endpointLink(wanted: WantedEndpoint): WantedLink[] {
  const { endpoint, container, unplugged } = wanted;
  const birth = driverOf(endpoint).birth(endpoint);
  const made = find(birth, "new-veth");
  const marked = find(birth, "alias");
  if (endpoint.hostName === "" || made?.bridge === undefined || marked === undefined) return [];
  return [
    {
      network: endpoint.network,
      container,
      called: `link ${made.name} of container ${container}`,
      name: made.name,
      alias: marked.alias,
      mtu: made.mtu,
      up: !unplugged,
      isolated: marked.isolated === true,
      master: made.bridge,
      addresses: [],
      make: { kind: "endpoint", endpoint: wanted },
    },
  ];
}

/** The links of the host that these networks and containers need. A function of its arguments alone. */
export function wantedLinks(
  networks: readonly WantedNetwork[],
  endpoints: readonly WantedEndpoint[],
): WantedLink[] {
  return [
    ...networks.flatMap(bridgeLink),
    ...networks.flatMap(uplinkLink),
    ...endpoints.flatMap(endpointLink),
  ];
}

/** The settings of the host that these networks need: those of the bridges first, those that let traffic pass last. */
export function wantedSettings(networks: readonly WantedNetwork[]): WantedSetting[] {
  const plans = networks.map(({ network, mtu }) => ({ name: network.name, plan: planNetwork(network, mtu) }));
  const settings = [
    ...plans.flatMap(({ name, plan }) => plan.own.map((sysctl) => ({ network: name, sysctl }))),
    ...plans.flatMap(({ name, plan }) => plan.hostWide.map((sysctl) => ({ network: name, sysctl }))),
  ];
  const paths = settings.map(({ sysctl }) => sysctl.path);
  return settings.filter(({ sysctl }, at) => paths.indexOf(sysctl.path) === at);
}
