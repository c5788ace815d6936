import { monotonicMs } from "../../src/core/clock.ts";
import { hasErrno } from "../../src/core/errors.ts";
import type { Observer, PlannedAction } from "../../src/core/explain.ts";
import type { Instance } from "../../src/core/paths.ts";
import { withLock } from "../../src/sys/flock.ts";
import { isAlive, type ProcessIdentity } from "../../src/sys/process.ts";
import { chainNames, type Family, quoted, type Rule, type Table } from "../chain.ts";
import { applyChains } from "../firewall.ts";
import { type Changes, openIptables } from "../iptables.ts";
import { withNetlink } from "../netlink/client.ts";
import { setLink } from "../netlink/link.ts";
import type { Network } from "../network.ts";
import { ensureNetworkFolder, networksLock, readMarkers } from "../state.ts";
import { describeSysctl } from "../sysctl.ts";
import { localnetOf, settleLocalnet, usesLocalnet } from "./localnet.ts";
import { needsHairpin, type Publication } from "./publication.ts";
import { publicationRules } from "./rules.ts";
import { forgetConnections, forgetEarlier, outlivesRules } from "./stale.ts";
import { type PortsEntry, type PortsFile, readPorts, writePorts } from "./state.ts";

interface Line {
  readonly table: Table;
  readonly chain: string;
  readonly rule: Rule;
}

/** The rules of a publication, each with its place. */
function linesOf(network: Network, publication: Publication, family: Family): Line[] {
  const names = chainNames(network.owner);
  const { prerouting, forward, translation, postrouting } = publicationRules(
    family === 4 ? network : { ...network, subnet: network.subnet6 ?? "" },
    publication,
    family,
  );
  const at = (table: Table, chain: string, rules: readonly Rule[]): Line[] =>
    rules.map((rule) => ({ table, chain, rule }));
  return [
    ...at("raw", names.prerouting, prerouting),
    ...at("filter", names.ports, forward),
    ...at("nat", names.ports, translation),
    ...at("nat", names.postrouting, postrouting),
  ];
}

const families = [4, 6] as const;

/** Who publishes, and what leads there: everything that the rules are made of. */
interface Placed {
  readonly network: Network;
  readonly publication: Publication;
}

function describeLines({ network, publication }: Placed, family: Family): PlannedAction[] {
  const program = family === 4 ? "iptables" : "ip6tables";
  return linesOf(network, publication, family).map(({ table, chain, rule }) => ({
    kind: "iptables",
    text: `${program} -t ${table} -A ${chain} ${quoted(rule.words)}`,
    reason: rule.reason,
    by: "parent",
  }));
}

const flush: PlannedAction = {
  kind: "netlink",
  text: "IPCTNL_MSG_CT_DELETE what was tracked of these ports",
  reason: "an earlier flow of udp would not be looked at anew",
  by: "parent",
};

function allowHairpin(publication: Publication): void {
  const { hostEnd = "" } = publication;
  if (!needsHairpin(publication)) return;
  try {
    withNetlink((client) => client.change(setLink(hostEnd, { hairpin: true })));
  } catch (error) {
    // The container has just ended.
    if (!hasErrno(error, "ENODEV")) throw error;
  }
}

function describeHairpin(publication: Publication): PlannedAction[] {
  if (!needsHairpin(publication)) return [];
  const reason = "what the container sends to its own published port may come back by the same cable";
  return [{ kind: "netlink", text: `RTM_NEWLINK ${publication.hostEnd} hairpin on`, reason, by: "parent" }];
}

/** What {@link publish} does, rule by rule. */
export function describePublication(network: Network, publication: Publication): PlannedAction[] {
  const placed = { network, publication };
  return [
    ...describeHairpin(publication),
    ...(usesLocalnet(publication) ? [describeSysctl(localnetOf(network))] : []),
    ...families.flatMap((family) => describeLines(placed, family)),
    ...(publication.ports.some(outlivesRules) ? [flush] : []),
  ];
}

/** One change of what is published: these come, those go. */
interface Change {
  readonly removed: readonly Placed[];
  readonly added: readonly Placed[];
}

function changesOf({ removed, added }: Change, family: Family): Changes {
  const changes: Partial<Record<Table, string[]>> = {};
  const add = (verb: string, placed: readonly Placed[]): void => {
    for (const { network, publication } of placed) {
      for (const { table, chain, rule } of linesOf(network, publication, family)) {
        changes[table] ??= [];
        changes[table].push(`${verb} ${chain} ${quoted(rule.words)}`);
      }
    }
  };
  add("-D", removed);
  add("-A", added);
  return changes;
}

/**
 * Changes the rules by exact lines, without looking at any other: one iptables-restore for each family that has some.
 * Where that fails, because somebody has changed our chains, all are compared and made what they shall be.
 */
function applyChange(instance: Instance, owner: string, change: Change, file: PortsFile): void {
  for (const family of families) {
    const changes = changesOf(change, family);
    if (Object.keys(changes).length === 0) continue;
    const iptables = openIptables(family);
    try {
      iptables.restore(changes);
    } catch {
      const networks = readMarkers(instance).flatMap(({ complete, network }) => (complete ? [network] : []));
      const publications = file.entries.filter(isPublished);
      applyChains(iptables, { owner, networks, publications });
    }
  }
}

const isPublished = ({ published, owner }: PortsEntry): boolean => published && isAlive(owner);

/** Runs `act` alone with what is published; what it returns is kept. */
function alone(instance: Instance, act: (file: PortsFile) => void): void {
  ensureNetworkFolder(instance, "");
  withLock(networksLock(instance), () => act(readPorts(instance)));
}

/** The publications with their networks; of a network that is down there are no rules. */
function placed(instance: Instance, entries: readonly PortsEntry[]): Placed[] {
  const chosen = entries.filter(({ published }) => published);
  if (chosen.length === 0) return [];
  const networks = new Map(readMarkers(instance).map(({ network }) => [network.name, network]));
  return chosen.flatMap((publication) => {
    const network = networks.get(publication.network);
    return network === undefined ? [] : [{ network, publication }];
  });
}

export interface PublishRequest {
  /** It is up. */
  readonly network: Network;
  readonly publication: Publication;
  /** The process that holds the ports. */
  readonly owner: ProcessIdentity;
}

/**
 * Leads ports of the host, which were reserved before, to a container. What it published before, elsewhere, goes, and so
 * do the rules of the dead. Undo: {@link unpublish}.
 * @throws SetupError when iptables is missing or refuses.
 */
export function publish(
  instance: Instance,
  { network, publication, owner }: PublishRequest,
  observer?: Observer,
): void {
  const start = monotonicMs();
  alone(instance, (before) => {
    const gone = before.entries.filter(
      (entry) => entry.container === publication.container || !isAlive(entry.owner),
    );
    const entry: PortsEntry = { ...publication, published: true, owner };
    const file = { ...before, entries: [...before.entries.filter((it) => !gone.includes(it)), entry] };
    // On record before it is done: who finds us killed knows what to take away.
    writePorts(instance, {
      ...file,
      entries: [...gone.filter((it) => it.container !== publication.container), ...file.entries],
    });
    const removed = placed(instance, gone);
    const settled = settleLocalnet(file, [...removed.map((it) => it.network), network]);
    allowHairpin(publication);
    applyChange(instance, instance.prefix, { removed, added: [{ network, publication }] }, file);
    writePorts(instance, settled);
    for (const it of removed) forgetConnections(it.publication);
    forgetEarlier(publication.ports);
  });
  if (observer === undefined) return;
  // All of it is one iptables-restore: the time is told once.
  const actions = describePublication(network, publication);
  actions.forEach((action, at) => {
    observer(at === actions.length - 1 ? { ...action, ms: monotonicMs() - start } : action);
  });
}

function withdraw(instance: Instance, chosen: (entry: PortsEntry) => boolean, keep: boolean): PortsEntry[] {
  let withdrawn: PortsEntry[] = [];
  // Without the file nobody publishes anything: most containers.
  if (readPorts(instance).entries.length === 0) return [];
  alone(instance, (before) => {
    withdrawn = before.entries.filter(chosen);
    if (withdrawn.length === 0) return;
    const rest = before.entries.filter((entry) => !withdrawn.includes(entry));
    const kept = keep ? withdrawn.map((entry) => ({ ...entry, published: false })) : [];
    const file = { ...before, entries: [...rest, ...kept] };
    const removed = placed(instance, withdrawn);
    applyChange(instance, instance.prefix, { removed, added: [] }, file);
    writePorts(
      instance,
      settleLocalnet(
        file,
        removed.map(({ network }) => network),
      ),
    );
    for (const { publication } of removed) forgetConnections(publication);
  });
  return withdrawn;
}

/**
 * Takes back what a container publishes, and its hold on the ports; with `keep` they stay its own. One that publishes
 * nothing is fine, and costs no process.
 * @throws SetupError
 */
export function unpublish(instance: Instance, container: string, keep = false): void {
  withdraw(instance, (entry) => entry.container === container, keep);
}

/** What a container publishes at present. */
export function currentPublication(instance: Instance, container: string): Publication | undefined {
  return readPorts(instance).entries.find((entry) => entry.container === container && isPublished(entry));
}

/** Takes back what the dead have published. Returns the ids of their containers. @throws SetupError */
export function collectPublications(instance: Instance): readonly string[] {
  return withdraw(instance, ({ owner }) => !isAlive(owner), false).map(({ container }) => container);
}

/**
 * Takes back what leads to addresses that a container has just been given, and was published by another: whoever had them
 * is dead. Without any publication it costs the look for a file.
 */
export function releaseAddresses(
  instance: Instance,
  { network, container, address, address6 = "" }: Omit<Publication, "ports">,
): void {
  const same = (entry: PortsEntry): boolean =>
    (address !== "" && entry.address === address) || (address6 !== "" && entry.address6 === address6);
  withdraw(
    instance,
    (entry) => entry.network === network && entry.container !== container && same(entry),
    false,
  );
}
