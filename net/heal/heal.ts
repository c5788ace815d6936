import { existsSync } from "node:fs";
import type { Instance } from "../../src/core/paths.ts";
import type { FirewallState } from "../firewall.ts";
import { listLeases } from "../ipam.ts";
import { openIptables } from "../iptables.ts";
import { type NetlinkClient, withNetlink } from "../netlink/client.ts";
import { localnetOf, usesLocalnet } from "../ports/localnet.ts";
import { needsHairpin, type Publication } from "../ports/publication.ts";
import { readPorts } from "../ports/state.ts";
import { networksFolder, readMarkers } from "../state.ts";
import { type Actual, readActual } from "./actual.ts";
import { difference } from "./difference.ts";
import { insideMends } from "./inside.ts";
import type { Healing, Mend, WantedEndpoint, WantedNetwork } from "./mend.ts";
import { performMends } from "./perform.ts";
import { ruleMends } from "./rules.ts";
import { type WantedLink, type WantedSetting, wantedLinks, wantedSettings } from "./wanted.ts";

/** What is looked at, and what containers there are. */
export interface HealRequest {
  readonly instance: Instance;
  /** The interfaces of the containers that run, on networks that are up. Asked for under the lock. */
  readonly endpoints: (networks: readonly WantedNetwork[]) => readonly WantedEndpoint[];
  /** True for a container of which nothing may be left on a network. Asked for links that are there. */
  readonly isStray: (container: string, network: string) => boolean;
  /** Only these networks; what all share is looked at in any case. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Whether firewall rules are looked at too: that takes a process for each family. Asked before each look. */
  readonly rules: () => boolean;
  /** Look inside containers too. */
  readonly inside?: boolean | undefined;
  /** What is left alone, by {@link Mend.key}. */
  readonly except?: ((key: string) => boolean) | undefined;
}

/** How often it is looked again after something was mended: a link that comes up brings or takes other things. */
const rounds = 3;

interface Look {
  readonly mends: readonly Mend[];
  readonly links: readonly WantedLink[];
  readonly actual: Actual;
}

/** The settings that published ports need, beside those of the networks. */
function localnetSettings(
  networks: readonly WantedNetwork[],
  publications: readonly Publication[],
): WantedSetting[] {
  return networks
    .filter(({ network }) => publications.some((it) => it.network === network.name && usesLocalnet(it)))
    .map(({ network }) => ({ network: network.name, sysctl: localnetOf(network) }));
}

/** Links of containers that are to have none such; `wanted` are known to be right. */
function strayMends(wanted: readonly WantedLink[], { links }: Actual, request: HealRequest): Mend[] {
  const { instance, isStray, only } = request;
  const known = new Set(wanted.map(({ alias }) => alias));
  return links.flatMap(({ name, alias }): Mend[] => {
    if (alias === undefined || known.has(alias)) return [];
    const [, owner, container = "", network = ""] = /^([^:]+):([0-9a-f]{64}):(.+)$/.exec(alias) ?? [];
    if (owner !== instance.prefix || only?.has(network) === false || !isStray(container, network)) return [];
    const faults = [`link ${name} was left over from container ${container.slice(0, 12)}`];
    return [{ key: `link ${name}`, network, faults, act: { kind: "stray", name, alias } }];
  });
}

function lookAt(client: NetlinkClient, request: HealRequest): Look {
  const { instance, only, inside } = request;
  const { prefix: owner } = instance;
  const all = readMarkers(instance)
    .filter(({ complete }) => complete)
    .map(({ network, mtu }): WantedNetwork => {
      return { network, mtu, idle: listLeases(instance, network).length === 0 };
    });
  const chosen = all.filter(({ network }) => only?.has(network.name) !== false);
  const endpoints = request.endpoints(chosen);
  // Also those of the dead: who takes them back is just about to, with the rules, and finds them as they are.
  const publications = readPorts(instance).entries.filter(({ published }) => published);
  const hairpins = new Set(publications.filter(needsHairpin).map(({ hostEnd }) => hostEnd));
  const links = wantedLinks(chosen, endpoints).map((link) => ({ ...link, hairpin: hairpins.has(link.name) }));
  const settings = [...localnetSettings(chosen, publications), ...wantedSettings(chosen)];
  const actual = readActual(client, links, settings);
  const state: FirewallState = { owner, networks: all.map(({ network }) => network), publications };
  const families = all.some(({ network }) => network.subnet6 !== undefined)
    ? ([4, 6] as const)
    : ([4] as const);
  return {
    links,
    actual,
    mends: [
      // First, so that nothing passes meanwhile that the rules would have refused.
      ...(all.length > 0 && request.rules()
        ? families.flatMap((it) => ruleMends(openIptables(it), state))
        : []),
      ...difference(links, settings, actual),
      ...strayMends(links, actual, request),
      ...(inside === true ? endpoints.flatMap(insideMends) : []),
    ].filter(({ key }) => request.except?.(key) !== true),
  };
}

/** Everything that is not as it shall be. Changes nothing. */
export function findFaults(request: HealRequest): readonly Mend[] {
  if (!existsSync(networksFolder(request.instance))) return [];
  return withNetlink((client) => lookAt(client, request)).mends;
}

/** What a look has found, for those who watch: see watch.ts. */
export interface HealReport extends Healing {
  readonly links: readonly WantedLink[];
  readonly actual: Actual | undefined;
}

/**
 * Makes the networks as they shall be: changes the difference alone. The caller holds the lock of the networks.
 * @throws SyscallError, SetupError when it cannot even look.
 */
export function heal(request: HealRequest): HealReport {
  if (!existsSync(networksFolder(request.instance)))
    return { mended: [], failed: [], links: [], actual: undefined };
  return withNetlink((client) => {
    const mended = new Map<string, Mend>();
    const failed = new Map<string, Healing["failed"][number]>();
    for (let round = 0; ; round += 1) {
      const { mends, links, actual } = lookAt(client, request);
      const open = mends.filter(({ key }) => !failed.has(key));
      if (open.length === 0 || round === rounds)
        return { mended: [...mended.values()], failed: [...failed.values()], links, actual };
      const healing = performMends(client, open);
      for (const mend of healing.mended) if (!mended.has(mend.key)) mended.set(mend.key, mend);
      for (const failure of healing.failed) failed.set(failure.mend.key, failure);
    }
  });
}
