import { existsSync } from "node:fs";
import { detectCgroups } from "../../cgroup/host.ts";
import { livesAnywhere } from "../../cgroup/kill.ts";
import { findFaults, type HealReport, type HealRequest, heal as healNetworks } from "../../net/heal/heal.ts";
import type { Mend, WantedEndpoint, WantedNetwork } from "../../net/heal/mend.ts";
import { removeLink } from "../../net/link.ts";
import { withNetlink } from "../../net/netlink/client.ts";
import { dumpLinks, parseLink } from "../../net/netlink/link.ts";
import { hasBridge, linkAlias } from "../../net/network.ts";
import { collectPublications } from "../../net/ports/publish.ts";
import { networksFolder, networksLock } from "../../net/state.ts";
import type { Instance } from "../core/paths.ts";
import { releaseLock, takeLock } from "../sys/flock.ts";
import { isAlive } from "../sys/process.ts";
import { impairAgain } from "./impair/again.ts";
import { readImpairmentRecord } from "./impair/timers.ts";
import type { ContainerRecord, EndpointRecord } from "./record.ts";
import { UnreadableRecordError } from "./record-text.ts";
import { isLive } from "./refresh.ts";
import { listRecords, readRecord } from "./store.ts";

/** What of the networks is looked at. */
export interface HealOptions {
  /** Names; absent: all. */
  readonly networks?: readonly string[] | undefined;
  /** Inside containers too. */
  readonly inside?: boolean | undefined;
  /** Whether firewall rules are looked at too; asked before each look; default: they are. */
  readonly rules?: (() => boolean) | undefined;
  /** What is left alone, by its key. */
  readonly except?: HealRequest["except"];
}

function attachmentOf({ network }: ContainerRecord, name: string) {
  return network.kind === "bridge" ? network.attachments.find((one) => one.network === name) : undefined;
}

function readIfReadable(instance: Instance, id: string): ContainerRecord | "unreadable" | undefined {
  try {
    return readRecord(instance, id);
  } catch (error) {
    if (error instanceof UnreadableRecordError) return "unreadable";
    throw error;
  }
}

/** Whether a container's interface is still to be there: who takes it away notes that first. */
function stays(instance: Instance, id: string, network: string): boolean {
  const record = readIfReadable(instance, id);
  if (record === undefined || record === "unreadable" || !isLive(record)) return false;
  return record.endpoints.some((one) => one.network === network);
}

function wantedEndpoint(
  instance: Instance,
  record: ContainerRecord,
  endpoint: EndpointRecord,
  { network, mtu }: WantedNetwork,
): WantedEndpoint[] {
  const { init: holder, id, name } = record;
  if (holder === undefined) return [];
  const { ifname, hostName } = endpoint;
  const { down = [] } = readImpairmentRecord(instance, id, holder);
  return [
    {
      container: name,
      holder,
      unplugged: down.includes(ifname),
      stays: () => stays(instance, id, network.name),
      remade: () => impairAgain(instance, record, ifname),
      endpoint: {
        ...endpoint,
        hostName: hasBridge(network) ? hostName : "",
        alias: linkAlias(network, id),
        bridge: network.bridge,
        mtu,
        isolated: !network.icc,
        announce: true,
        linkLocal: attachmentOf(record, network.name)?.linkLocal,
      },
    },
  ];
}

/** The interfaces of the containers that run. */
function endpointsOf(instance: Instance, networks: readonly WantedNetwork[]): WantedEndpoint[] {
  const known = new Map(networks.map((one) => [one.network.name, one]));
  return listRecords(instance, () => undefined).flatMap((record) => {
    const { init, state } = record;
    if ((state !== "running" && state !== "paused") || !isLive(record)) return [];
    if (init === undefined || !isAlive(init)) return [];
    return record.endpoints.flatMap((endpoint) => {
      const network = known.get(endpoint.network);
      return network === undefined ? [] : wantedEndpoint(instance, record, endpoint, network);
    });
  });
}

/** A link is there before its record says so only while the record says that it is to be made. */
function isStray(instance: Instance, id: string, network: string): boolean {
  const record = readIfReadable(instance, id);
  if (record === "unreadable") return false;
  if (record !== undefined && isLive(record)) return attachmentOf(record, network) === undefined;
  // Of one that lives without a record nothing is known: it is left alone.
  return !livesAnywhere(detectCgroups(), instance.prefix, id);
}

function requestOf(
  instance: Instance,
  { networks, inside, rules = () => true, except }: HealOptions,
): HealRequest {
  return {
    instance,
    endpoints: (chosen) => endpointsOf(instance, chosen),
    isStray: (id, network) => isStray(instance, id, network),
    only: networks === undefined ? undefined : new Set(networks),
    rules,
    inside,
    except,
  };
}

/** What is not as it shall be, without changing anything. */
export function explainHealing(instance: Instance, options: HealOptions = {}): readonly Mend[] {
  return findFaults(requestOf(instance, options));
}

/**
 * Makes the networks in the kernel as the files say that they shall be: changes the difference alone, and drops no
 * traffic. Alone with the networks: with `wait` it waits for others who change them, else the answer is undefined.
 * @throws SyscallError, SetupError when it cannot even look.
 */
export function heal(
  instance: Instance,
  options: HealOptions & { readonly wait: boolean },
): HealReport | undefined {
  if (!existsSync(networksFolder(instance))) return { mended: [], failed: [], links: [], actual: undefined };
  // What the dead have published goes first, in the usual way.
  collectPublications(instance);
  const lock = takeLock(networksLock(instance), options.wait);
  if (lock === undefined) return undefined;
  try {
    return healNetworks(requestOf(instance, options));
  } finally {
    releaseLock(lock);
  }
}

/** Removes links of containers that do not run, or have left their network. Returns a line for each. */
export function collectStrayLinks(instance: Instance): string[] {
  return withNetlink((client) => {
    const strays = client
      .dump(dumpLinks())
      .map(parseLink)
      .filter(({ alias }) => {
        const [, owner, id = "", network = ""] = /^([^:]+):([0-9a-f]{64}):(.+)$/.exec(alias ?? "") ?? [];
        return owner === instance.prefix && isStray(instance, id, network);
      });
    return strays.map(({ name, index }) => {
      removeLink(client, index);
      return `removed link ${name} of no container`;
    });
  });
}
