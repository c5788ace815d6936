import type { Observer, PlannedAction } from "../src/core/explain.ts";
import { insideNetns } from "../src/sys/namespaces.ts";
import { driverOf } from "./driver/drivers.ts";
import type { Endpoint } from "./endpoint.ts";
import { withNetlink } from "./netlink/client.ts";
import { AF_INET, AF_INET6 } from "./netlink/ip.ts";
import { parseLink } from "./netlink/link.ts";
import { performSteps } from "./perform.ts";
import { describeStep, type NetlinkStep } from "./step.ts";
import { applySysctl, describeSysctl, type Sysctl } from "./sysctl.ts";

/** All that `--net none` has. */
export const loopback: NetlinkStep = { kind: "up", link: "lo", reason: "programs expect 127.0.0.1" };

function addressSteps(endpoint: Endpoint): NetlinkStep[] {
  const { ifname: link, network, address, prefixLength, address6, prefixLength6 = 128 } = endpoint;
  const { linkLocal = [] } = endpoint;
  const reason = `its lease on ${network}`;
  return [
    ...(address === "" ? [] : [{ kind: "new-address", link, address, prefixLength, reason } as const]),
    ...(address6 === undefined
      ? []
      : [{ kind: "new-address", link, address: address6, prefixLength: prefixLength6, reason } as const]),
    ...linkLocal.map((one): NetlinkStep => {
      const own = { link, address: one, prefixLength: one.includes(":") ? 64 : 16 };
      return { kind: "new-address", ...own, reason: "asked for, beside its lease" };
    }),
  ];
}

/** The default routes that lead by an interface. */
export function routeSteps(
  endpoint: Pick<Endpoint, "ifname" | "gateway" | "gateway6" | "direct" | "replace"> &
    Partial<Pick<Endpoint, "hostName">>,
): NetlinkStep[] {
  const { ifname, gateway, gateway6, direct, replace, hostName } = endpoint;
  const common = {
    kind: "default-route",
    ...(replace === true && { replace }),
    reason:
      hostName === ""
        ? "everything else leaves by the router outside"
        : "everything else leaves by the bridge",
  } as const;
  const straight = { ...common, link: ifname, reason: "the kernel outside routes everything else" };
  const steps: NetlinkStep[] = [];
  if (gateway !== undefined) steps.push({ ...common, gateway });
  if (direct?.v4 === true) steps.push({ ...straight, family: AF_INET });
  if (gateway6 !== undefined) steps.push({ ...common, gateway: gateway6, link: ifname });
  if (direct?.v6 === true) steps.push({ ...straight, family: AF_INET6 });
  return steps;
}

/** What is done in the container's own namespace: first what finds the link, then all else. */
export function insideSteps(endpoint: Endpoint): { find: NetlinkStep[]; setUp: NetlinkStep[] } {
  const { ifname, hostName, alias } = endpoint;
  const mark: NetlinkStep[] =
    hostName === "" ? [{ kind: "alias", link: ifname, alias, reason: "the link can be recognised" }] : [];
  return {
    find: [loopback, { kind: "find", link: ifname, reason: "its index, for the messages below" }],
    setUp: [
      ...mark,
      ...addressSteps(endpoint),
      { kind: "up", link: ifname, reason: "up after it has its address" },
      ...routeSteps(endpoint),
    ],
  };
}

/**
 * Settings of the link itself. They are written from here, right before it comes up: what the container's first process
 * writes for all links at the same time may come too late for this one.
 */
function settingsOf({ ifname, address6, linkLocal = [], announce }: Endpoint): Sysctl[] {
  const addresses = "addresses are handed out by mdocker";
  return [
    ...(announce
      ? [
          {
            path: `net/ipv4/conf/${ifname}/arp_notify`,
            value: "1",
            reason: "its address is announced when the link comes up: another had it until lately",
          },
        ]
      : []),
    ...(address6 === undefined && !linkLocal.some((one) => one.includes(":"))
      ? []
      : [{ path: `net/ipv6/conf/${ifname}/disable_ipv6`, value: "0", reason: "it has an IPv6 address" }]),
    {
      path: `net/ipv6/conf/${ifname}/accept_dad`,
      value: "0",
      reason: `${addresses}: no waiting for duplicates`,
      optional: true,
    },
    {
      path: `net/ipv6/conf/${ifname}/accept_ra`,
      value: "0",
      reason: `${addresses}: no listening to routers`,
      optional: true,
    },
  ];
}

/** What connecting the endpoint will do, message by message. */
export function describeEndpoint(endpoint: Endpoint): PlannedAction[] {
  const { find, setUp } = insideSteps(endpoint);
  return [
    ...[...driverOf(endpoint).birth(endpoint), ...find].map(describeStep),
    ...settingsOf(endpoint).map(describeSysctl),
    ...setUp.map(describeStep),
  ];
}

/** Sets up a link that is in the network namespace `netns` (an open file) by now. */
export function setUpInside(endpoint: Endpoint, netns: number, observer?: Observer): void {
  const { find, setUp } = insideSteps(endpoint);
  const { ifname } = endpoint;
  insideNetns(netns, () =>
    withNetlink((container) => {
      const [, found] = performSteps(container, find, { indexes: new Map() }, observer);
      const index = found === undefined ? 0 : parseLink(found).index;
      for (const sysctl of settingsOf(endpoint)) applySysctl(sysctl, observer);
      performSteps(container, setUp, { indexes: new Map([[ifname, index]]) }, observer);
    }),
  );
}
