import { closeSync, openSync } from "node:fs";
import { ensureNetwork } from "../../net/bring-up.ts";
import { connectEndpoint, hostEndName, planEndpoint } from "../../net/endpoint.ts";
import { acquireLease, listLeases, releaseLease } from "../../net/ipam.ts";
import { removeByAlias } from "../../net/link.ts";
import { withNetlink } from "../../net/netlink/client.ts";
import { linkAlias, type Network } from "../../net/network.ts";
import { disconnectRunning, moveDefaultRoutes } from "../../net/running-endpoint.ts";
import { type Routes, routeFields } from "../../net/way-out.ts";
import { readTextIfAny } from "../core/atomic.ts";
import { ConflictError, NotFoundError, SetupError } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Attachment, NetworkRequest } from "../core/network-request.ts";
import type { Instance } from "../core/paths.ts";
import { UndoStack } from "../core/undo.ts";
import { writeFile } from "../core/write-file.ts";
import { isAlive } from "../sys/process.ts";
import { changeRunningRecord } from "./change-record.ts";
import { readRequest, writeRequest } from "./create.ts";
import { routesOf } from "./default-route.ts";
import { addressesOf, endpointRecord } from "./endpoint-record.ts";
import { findNetwork } from "./find-network.ts";
import { namesOf } from "./host-names.ts";
import { inTurn } from "./in-turn.ts";
import type { ContainerRecord, EndpointRecord } from "./record.ts";
import { findContainer, isLive } from "./refresh.ts";
import { republish } from "./republish.ts";
import type { Connection } from "./step.ts";
import { containerPaths, readSpec, writeRecord, writeRunningRecord } from "./store.ts";

/** What is asked of a connection beside the network itself. */
export type ConnectionWish = Partial<Omit<Attachment, "network">>;

function attachmentsOf({ network, name }: ContainerRecord): readonly Attachment[] {
  if (network.kind === "bridge") return network.attachments;
  throw new ConflictError(
    `container ${name} was started with --network ${network.kind}: it cannot be connected to other networks`,
  );
}

/** The first name that no interface of the container has. */
function freeIfname(attachments: readonly Attachment[], endpoints: readonly EndpointRecord[]): string {
  const taken = new Set([...attachments, ...endpoints].map(({ ifname }) => ifname));
  let number = 0;
  while (taken.has(`eth${number}`)) number += 1;
  return `eth${number}`;
}

/** The first number that no host end of the container's has in its name. */
function freeNumber(instance: Instance, { id, endpoints }: ContainerRecord): number {
  const taken = new Set(endpoints.map(({ hostName }) => hostName));
  let number = 0;
  while (taken.has(hostEndName(instance, id, number))) number += 1;
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

/** The networks of a container, with what it asks of each. */
async function connectionsOf(
  instance: Instance,
  attachments: readonly Attachment[],
): Promise<Pick<Connection, "network" | "attachment">[]> {
  return await Promise.all(
    attachments.map(async (attachment) => ({
      network: await findNetwork(instance, attachment.network),
      attachment,
    })),
  );
}

/** Runs `act` with the network namespace of a running container open. @throws SetupError when it has just ended. */
async function withNetns<T>(
  { init, name }: ContainerRecord,
  act: (netns: number) => T | Promise<T>,
): Promise<T> {
  const netns = openSync(`/proc/${init?.pid}/ns/net`, "r");
  try {
    // Open before it is looked at: a pid that was given to another process meanwhile shows now.
    if (init === undefined || !isAlive(init)) throw new SetupError(`container ${name} has just ended`);
    return await act(netns);
  } finally {
    closeSync(netns);
  }
}

/** Makes the default routes lead by the interfaces that `routes` choose. Returns the endpoints as they are then. */
function moveRoutes(
  endpoints: readonly EndpointRecord[],
  connections: readonly Pick<Connection, "network">[],
  routes: readonly Routes[],
  netns: number,
): EndpointRecord[] {
  return endpoints.map((endpoint) => {
    const at = connections.findIndex(({ network }) => network.name === endpoint.network);
    const [network, chosen] = [connections[at]?.network, routes[at]];
    if (network === undefined || chosen === undefined) return endpoint;
    const fields = routeFields(network, chosen);
    const moved = { ...endpoint, gateway: fields.gateway, gateway6: fields.gateway6 };
    if (moved.gateway === endpoint.gateway && moved.gateway6 === endpoint.gateway6 && !fields.direct)
      return moved;
    moveDefaultRoutes({ ifname: endpoint.ifname, ...fields }, netns);
    return moved;
  });
}

/**
 * A lease, a link and its routes for a container that runs. Returns its record, with the `attachments` that it has from now
 * on, the last of them new; after a failure nothing is left.
 */
async function connectRunning(
  instance: Instance,
  record: ContainerRecord,
  { network, attachment }: Pick<Connection, "network" | "attachment">,
  attachments: NetworkRequest,
): Promise<ContainerRecord> {
  const { id, init: holder, monitor } = record;
  if (monitor === undefined) throw new SetupError(`container ${record.name} has just ended`);
  const before = await connectionsOf(instance, attachmentsOf(record));
  const routes = routesOf([...before, { network, attachment }]).at(-1);
  return await withNetns(record, async (netns) => {
    const undo = new UndoStack();
    const { hostname = "" } = readSpec(instance, id);
    try {
      // Before there is anything of it: a link that no record knows of would be taken for left over.
      undo.push("note", () => note(instance, id, { network: record.network }));
      note(instance, id, { network: attachments });
      undo.push(`lease on ${network.name}`, () => releaseLease(instance, network, id));
      const { address, address6, announce } = await acquireLease(instance, network, {
        container: id,
        owner: monitor,
        address: attachment.address,
        address6: attachment.address6,
        names: namesOf(record, hostname, attachment.aliases),
        servers: serversOf(instance, record),
      });
      const live = await ensureNetwork(instance, network);
      const { ifname, mac, linkLocal } = attachment;
      const number = freeNumber(instance, record);
      const endpoint = planEndpoint({
        ...{ instance, live, container: id, address, address6, ifname, number, mac, linkLocal },
        ...{ routes, replace: true, holder, announce },
      });
      undo.push(`link ${ifname}`, async () => {
        await disconnectRunning(endpoint, network, instance, netns);
        moveRoutes(withoutGateways(record.endpoints), before, routesOf(before), netns);
      });
      connectEndpoint(endpoint, netns);
      const others = record.endpoints.map((one) => ({
        ...one,
        gateway: routes?.v4 === true ? undefined : one.gateway,
        gateway6: routes?.v6 === true ? undefined : one.gateway6,
      }));
      const after = {
        ...{ ...record, network: attachments },
        endpoints: [...others, endpointRecord(endpoint)],
      };
      undo.push("published ports", () => republish(instance, record));
      await republish(instance, after);
      const lines = addressesOf(endpoint).map((one) => `${one}\t${hostname}`);
      changeHosts(instance, id, (known) => [...known, ...lines]);
      keep(instance, after);
      undo.commit();
      return after;
    } finally {
      await undo.unwind();
    }
  });
}

/** Notes what is about to be done to the network of a container that runs: whoever heals it meanwhile goes by that. */
function note(instance: Instance, id: string, change: Partial<ContainerRecord>): void {
  changeRunningRecord(instance, id, (now) => ({ ...now, ...change }));
}

function withoutGateways(endpoints: readonly EndpointRecord[]): EndpointRecord[] {
  return endpoints.map((one) => ({ ...one, gateway: undefined, gateway6: undefined }));
}

async function connect(
  instance: Instance,
  record: ContainerRecord,
  reference: string,
  wish: ConnectionWish,
): Promise<ContainerRecord> {
  const network = await findNetwork(instance, reference);
  const attachments = attachmentsOf(record);
  if (attachments.some((one) => one.network === network.name))
    throw new ConflictError(`container ${record.name} is connected to network ${network.name} already`);
  const { ifname = freeIfname(attachments, record.endpoints) } = wish;
  if ([...attachments, ...record.endpoints].some((one) => one.ifname === ifname))
    throw new ConflictError(`container ${record.name} has an interface ${ifname} already`);
  const attachment: Attachment = { ...wish, network: network.name, ifname };
  const request: NetworkRequest = {
    ...{ ...record.network, kind: "bridge" },
    attachments: [...attachments, attachment],
  };
  if (isLive(record) && record.init !== undefined)
    return await connectRunning(instance, record, { network, attachment }, request);
  const changed: ContainerRecord = { ...record, network: request };
  keep(instance, changed);
  return changed;
}

/** The link, the lease and the names of a container that goes on running. Returns its record. */
async function leaveRunning(
  instance: Instance,
  record: ContainerRecord,
  network: Network,
  gone: EndpointRecord,
): Promise<ContainerRecord> {
  const left = attachmentsOf(record).filter((one) => one.network !== network.name);
  const connections = await connectionsOf(instance, left);
  const endpoints = await withNetns(record, async (netns) => {
    const others = record.endpoints.filter((one) => one !== gone);
    // Before the link goes, and its routes with it: there is no moment without a way out.
    const moved = moveRoutes(others, connections, routesOf(connections), netns);
    const { hostName, ifname } = gone;
    await disconnectRunning(
      { hostName, ifname, alias: linkAlias(network, record.id) },
      network,
      instance,
      netns,
    );
    return moved;
  });
  const addresses = addressesOf(gone);
  changeHosts(instance, record.id, (lines) =>
    lines.filter((line) => !addresses.some((address) => line.startsWith(`${address}\t`))),
  );
  return { ...record, endpoints };
}

async function disconnect(
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
  const endpoints = record.endpoints.filter((one) => one !== gone);
  let disconnected: ContainerRecord = { ...record, endpoints };
  if (isLive(record)) {
    // Before the link goes: else it would be made again by who heals.
    note(instance, record.id, { endpoints });
    try {
      if (gone !== undefined) disconnected = await leaveRunning(instance, record, network, gone);
      // Somebody was killed while he connected it, or disconnected it.
      else withNetlink((client) => removeByAlias(client, linkAlias(network, record.id)));
    } catch (error) {
      note(instance, record.id, { endpoints: record.endpoints });
      throw error;
    }
  }
  const changed: ContainerRecord = {
    ...disconnected,
    network: { ...record.network, kind: "bridge", attachments: left },
  };
  // Before the address can be another's.
  await republish(instance, changed);
  releaseLease(instance, network, record.id);
  keep(instance, changed);
  return changed;
}

/**
 * Connects a container to one more network. One that runs gets its interface at once, any other with its next start; the
 * default route moves when the new network is the better way out. Returns its record.
 * @throws NotFoundError when there is no such network; ConflictError when it is connected already, or has no network
 * namespace of its own; after a failure nothing of the connection is left.
 */
export function connectContainer(
  instance: Instance,
  { id }: Pick<ContainerRecord, "id">,
  reference: string,
  wish: ConnectionWish = {},
): Promise<ContainerRecord> {
  return inTurn(instance, "connections", () =>
    connect(instance, findContainer(instance, id), reference, wish),
  );
}

/**
 * Takes a container from a network. Returns its record.
 * @throws NotFoundError when it is not connected to it.
 */
export function disconnectContainer(
  instance: Instance,
  { id }: Pick<ContainerRecord, "id">,
  reference: string,
): Promise<ContainerRecord> {
  return inTurn(instance, "connections", () => disconnect(instance, findContainer(instance, id), reference));
}
