import { openSync } from "node:fs";
import type { CableAddress, FarEnd } from "../../../net/impair/cable.ts";
import { linkAlias } from "../../../net/network.ts";
import { ConflictError, SetupError, UsageError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { isAlive, type ProcessIdentity } from "../../sys/process.ts";
import { containersOn } from "../networks.ts";
import type { ContainerRecord, EndpointRecord } from "../record.ts";
import { isLive } from "../refresh.ts";

/** An interface of a running container. */
export interface ContainerCable extends CableAddress {
  /** The network that it is on; undefined for one that mdocker did not make. */
  readonly network?: string | undefined;
}

/** Which interface is meant: by its name inside, or by its network. */
export interface InterfaceChoice {
  readonly ifname?: string | undefined;
  readonly network?: string | undefined;
}

/**
 * The container's first process, whose network namespace is the container's own.
 * @throws ConflictError for a container that does not run, or has no network namespace of its own.
 */
export function initOf(record: ContainerRecord): ProcessIdentity {
  const { name, network, init } = record;
  if (network.kind === "host")
    throw new ConflictError(`container ${name} has the host's network: no interface is its own`);
  if (network.kind === "container") {
    throw new ConflictError(
      `container ${name} shares the network of ${network.container.slice(0, 12)}: name that one`,
    );
  }
  if (!isLive(record) || init === undefined || !isAlive(init))
    throw new ConflictError(`container ${name} is not running`);
  return init;
}

/** Opens the network namespace of a process. The caller closes it. @throws SetupError when it has ended. */
export function openNetnsOf(init: ProcessIdentity, name: string): number {
  const fd = openSync(`/proc/${init.pid}/ns/net`, "r");
  // Open before it is looked at: a pid that was given to another process meanwhile shows now.
  if (!isAlive(init)) throw new SetupError(`container ${name} has just ended`);
  return fd;
}

/** The other end of an interface: on the host, or of the other container of a `link` network. */
function farEndOf(
  instance: Instance,
  record: ContainerRecord,
  { network, driver, hostName }: EndpointRecord,
): FarEnd | undefined {
  if (hostName !== "") {
    const alias = linkAlias({ owner: instance.prefix, name: network }, record.id);
    return { at: "host", name: hostName, alias };
  }
  if (driver !== "link") return undefined;
  for (const other of containersOn(instance, network, true)) {
    const { init, id, name } = other;
    const end = other.endpoints.find((one) => one.network === network);
    if (id === record.id || init === undefined || end === undefined) continue;
    return { at: "container", name: end.ifname, openNetns: () => openNetnsOf(init, name) };
  }
  return undefined;
}

function cableOf(
  instance: Instance,
  record: ContainerRecord,
  init: ProcessIdentity,
  ifname: string,
): ContainerCable {
  const endpoint = record.endpoints.find((one) => one.ifname === ifname);
  const openNetns = (): number => openNetnsOf(init, record.name);
  if (endpoint === undefined) return { openNetns, ifname };
  const { network } = endpoint;
  return { openNetns, ifname, network, farEnd: farEndOf(instance, record, endpoint) };
}

/** All interfaces that mdocker gave a running container. @throws ConflictError */
export function cablesOf(instance: Instance, record: ContainerRecord): ContainerCable[] {
  const init = initOf(record);
  return record.endpoints.map(({ ifname }) => cableOf(instance, record, init, ifname));
}

/**
 * One interface of a running container: the one that is named, else its first.
 * @throws ConflictError as {@link initOf}; UsageError when it has none such.
 */
export function findCable(
  instance: Instance,
  record: ContainerRecord,
  { ifname, network }: InterfaceChoice,
): ContainerCable {
  const init = initOf(record);
  if (network !== undefined) {
    const endpoint = record.endpoints.find((one) => one.network === network);
    if (endpoint === undefined)
      throw new UsageError(`container ${record.name} is not connected to network ${network}`);
    if (ifname !== undefined && ifname !== endpoint.ifname)
      throw new UsageError(`--if ${ifname} and --network ${network} contradict: that is ${endpoint.ifname}`);
    return cableOf(instance, record, init, endpoint.ifname);
  }
  const chosen = ifname ?? record.endpoints[0]?.ifname;
  if (chosen === undefined)
    throw new UsageError(`container ${record.name} is on no network: name one of its interfaces with --if`);
  return cableOf(instance, record, init, chosen);
}
