import { closeSync, openSync } from "node:fs";
import { ensureNetwork } from "../../net/bring-up.ts";
import { connectEndpoint, disconnectEndpoint, planEndpoint } from "../../net/endpoint.ts";
import { acquireLease, listLeases, releaseLease } from "../../net/ipam.ts";
import { linkAlias } from "../../net/network.ts";
import { readTextIfAny } from "../core/atomic.ts";
import { ConflictError, NotFoundError, SetupError } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Attachment } from "../core/network-request.ts";
import type { Instance } from "../core/paths.ts";
import { UndoStack } from "../core/undo.ts";
import { writeFile } from "../core/write-file.ts";
import { isAlive } from "../sys/process.ts";
import { readRequest, writeRequest } from "./create.ts";
import { findNetwork } from "./find-network.ts";
import { namesOf } from "./host-names.ts";
import type { ContainerRecord, EndpointRecord } from "./record.ts";
import { isLive } from "./refresh.ts";
import { republish } from "./republish.ts";
import { containerPaths, readSpec, writeRecord, writeRunningRecord } from "./store.ts";

/** What is asked of a connection beside the network itself. */
export type ConnectionWish = Pick<Attachment, "address" | "mac" | "aliases">;

function attachmentsOf({ network, name }: ContainerRecord): readonly Attachment[] {
  if (network.kind === "bridge") return network.attachments;
  throw new ConflictError(
    `container ${name} was started with --network ${network.kind}: it cannot be connected to other networks`,
  );
}

/** The first number that no interface of the container has: it names both ends. */
function freeNumber(attachments: readonly Attachment[], endpoints: readonly EndpointRecord[]): number {
  const taken = new Set([...attachments, ...endpoints].map(({ ifname }) => ifname));
  let number = 0;
  while (taken.has(`eth${number}`)) number += 1;
  return number;
}

/** Keeps what has changed: for this run, and for the next start. */
function keep(instance: Instance, record: ContainerRecord): void {
  const request = readRequest(instance, record.id);
  if (request !== undefined) writeRequest(instance, record.id, { ...request, network: record.network });
  if (isLive(record)) writeRunningRecord(instance, record);
  else writeRecord(instance, record);
}

/** The servers that a running container asks for other names, as its leases have them. */
function serversOf(instance: Instance, { id, endpoints }: ContainerRecord): readonly string[] | undefined {
  for (const { network } of endpoints) {
    const lease = listLeases(instance, { name: network }).find(({ container }) => container === id);
    if (lease !== undefined) return lease.servers;
  }
  const { dns = [] } = readRequest(instance, id) ?? {};
  return dns.length > 0 ? dns : undefined;
}

/** Changes the container's /etc/hosts in place: it has this very file bound. */
function changeHosts(
  instance: Instance,
  id: string,
  change: (lines: readonly string[]) => readonly string[],
): void {
  const path = join(containerPaths(instance, id).etc, "hosts");
  const text = readTextIfAny(path);
  if (text === undefined) return;
  const lines = change(text.split("\n").filter((line) => line !== ""));
  writeFile(path, `${lines.join("\n")}\n`, 0o644);
}

/**
 * Connects a container to one more network. One that runs gets its interface at once, any other with its next start.
 * Returns its record.
 * @throws NotFoundError when there is no such network; ConflictError when it is connected already, or has no network
 * namespace of its own; after a failure nothing of the connection is left.
 */
export async function connectContainer(
  instance: Instance,
  record: ContainerRecord,
  reference: string,
  wish: ConnectionWish = {},
): Promise<ContainerRecord> {
  const network = await findNetwork(instance, reference);
  const attachments = attachmentsOf(record);
  if (attachments.some((one) => one.network === network.name))
    throw new ConflictError(`container ${record.name} is connected to network ${network.name} already`);
  const number = freeNumber(attachments, record.endpoints);
  const attachment: Attachment = { ...wish, network: network.name, ifname: `eth${number}` };
  const changed: ContainerRecord = {
    ...record,
    network: { ...record.network, kind: "bridge", attachments: [...attachments, attachment] },
  };
  const { init, monitor, id } = record;
  if (!isLive(record) || init === undefined || monitor === undefined) {
    keep(instance, changed);
    return changed;
  }
  const undo = new UndoStack();
  const netns = openSync(`/proc/${init.pid}/ns/net`, "r");
  try {
    // Open before it is looked at: a pid that was given to another process meanwhile shows now.
    if (!isAlive(init)) throw new SetupError(`container ${record.name} has just ended`);
    const { hostname = "" } = readSpec(instance, id);
    undo.push(`lease on ${network.name}`, () => releaseLease(instance, network, id));
    const { address } = await acquireLease(instance, network, {
      container: id,
      owner: monitor,
      address: wish.address,
      names: namesOf(record, hostname, wish.aliases),
      servers: serversOf(instance, record),
    });
    const live = await ensureNetwork(instance, network);
    const { ifname, mac } = attachment;
    const endpoint = planEndpoint({ instance, live, container: id, address, ifname, number, mac });
    connectEndpoint(endpoint, netns);
    undo.push(`link ${endpoint.hostName}`, () => disconnectEndpoint(endpoint));
    const { hostName, prefixLength, gateway, mac: made } = endpoint;
    const after: ContainerRecord = {
      ...changed,
      endpoints: [
        ...record.endpoints,
        { network: network.name, ifname, hostName, address, prefixLength, gateway, mac: made },
      ],
    };
    undo.push("published ports", () => republish(instance, record));
    await republish(instance, after);
    changeHosts(instance, id, (lines) => [...lines, `${address}\t${hostname}`]);
    keep(instance, after);
    undo.commit();
    return after;
  } finally {
    closeSync(netns);
    await undo.unwind();
  }
}

/**
 * Takes a container from a network. Returns its record.
 * @throws NotFoundError when it is not connected to it.
 */
export async function disconnectContainer(
  instance: Instance,
  record: ContainerRecord,
  reference: string,
): Promise<ContainerRecord> {
  const network = await findNetwork(instance, reference);
  const attachments = attachmentsOf(record);
  const left = attachments.filter((one) => one.network !== network.name);
  if (left.length === attachments.length)
    throw new NotFoundError(`container ${record.name} is not connected to network ${network.name}`);
  const gone = record.endpoints.find((one) => one.network === network.name);
  if (gone !== undefined) {
    disconnectEndpoint({ hostName: gone.hostName, alias: linkAlias(network, record.id) });
    changeHosts(instance, record.id, (lines) =>
      lines.filter((line) => !line.startsWith(`${gone.address}\t`)),
    );
  }
  const changed: ContainerRecord = {
    ...record,
    network: { ...record.network, kind: "bridge", attachments: left },
    endpoints: record.endpoints.filter((one) => one !== gone),
  };
  // Before the address can be another's.
  await republish(instance, changed);
  releaseLease(instance, network, record.id);
  keep(instance, changed);
  return changed;
}
