import { closeSync, openSync } from "node:fs";
import { readTextIfAny, writeFileAtomic } from "../../src/core/atomic.ts";
import { hasErrno } from "../../src/core/errors.ts";
import type { Observer } from "../../src/core/explain.ts";
import { withLock } from "../../src/sys/flock.ts";
import { insideNetns } from "../../src/sys/namespaces.ts";
import { isAlive, type ProcessIdentity } from "../../src/sys/process.ts";
import type { Endpoint } from "../endpoint.ts";
import { setUpInside } from "../endpoint-steps.ts";
import { findLink, removeLink } from "../link.ts";
import { type NetlinkClient, withNetlink } from "../netlink/client.ts";
import type { Network } from "../network.ts";
import { performSteps } from "../perform.ts";
import type { NetlinkStep } from "../step.ts";
import { link } from "./link.ts";

/*
 * A cable is a veth pair whose ends are in two containers. An end without a container waits in the host's namespace. When
 * a container ends, the kernel takes its end and with it the other one: the next that comes makes a new pair and gives the
 * container that stayed its interface back, as it was. What that takes is kept in a file beside the leases.
 */

/** An end in a container. */
type End = Endpoint & { readonly cable: { readonly file: string; readonly holder: ProcessIdentity } };

function readEnds(file: string): End[] {
  const text = readTextIfAny(`${file}.json`);
  const ends = text === undefined ? [] : (JSON.parse(text) as End[]);
  return ends.filter(({ cable }) => isAlive(cable.holder));
}

function writeEnds(file: string, ends: readonly Endpoint[]): void {
  writeFileAtomic(`${file}.json`, JSON.stringify(ends));
}

/** Runs `act` with the network namespace of an end's container open; undefined when it has just ended. */
function withNetnsOf<T>({ cable: { holder } }: End, act: (netns: number) => T): T | undefined {
  let netns: number;
  try {
    netns = openSync(`/proc/${holder.pid}/ns/net`, "r");
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    return isAlive(holder) ? act(netns) : undefined;
  } finally {
    closeSync(netns);
  }
}

/** Removes our link of that name, if there is one: what is left of a pair whose other end goes away. */
function removeOurs(client: NetlinkClient, name: string, alias: string | undefined): void {
  const found = findLink(client, name);
  if (found !== undefined && (alias === undefined || found.alias === alias)) removeLink(client, found.index);
}

/** A new pair: one end inside, set up, and one that waits. */
function makePair(host: NetlinkClient, endpoint: Endpoint, netns: number, observer?: Observer): void {
  const [birth, ...rest] = link.birth(endpoint);
  if (birth !== undefined) performSteps(host, [birth], { indexes: new Map(), netns }, observer);
  performSteps(host, rest, { indexes: new Map() }, observer);
  setUpInside(endpoint, netns, observer);
}

/** Puts the end that waits into the container. */
function takeWaiting(host: NetlinkClient, endpoint: Endpoint, netns: number, observer?: Observer): void {
  const { bridge, ifname, mac, alias } = endpoint;
  const waiting = findLink(host, bridge);
  const indexes = new Map(waiting === undefined ? [] : [[bridge, waiting.index]]);
  const step: NetlinkStep = {
    kind: "move",
    link: bridge,
    name: ifname,
    mac,
    alias,
    to: "container",
    reason: "the waiting end of the cable goes where it belongs",
  };
  performSteps(host, [step], { indexes, netns }, observer);
  setUpInside(endpoint, netns, observer);
}

/** Gives the container that stayed its end back, of a new pair. Returns false when it has ended meanwhile. */
function restore(host: NetlinkClient, end: End): boolean {
  const done = withNetnsOf(end, (netns) => {
    insideNetns(netns, () => withNetlink((client) => removeOurs(client, end.ifname, end.alias)));
    makePair(host, { ...end, replace: true }, netns);
    return true;
  });
  return done === true;
}

/**
 * Connects a container to a cable: takes the end that waits, or makes a new cable.
 * @throws SyscallError; then nothing of it is left.
 */
export function connectCable(endpoint: Endpoint, netns: number, observer?: Observer): void {
  const { cable, alias, bridge, ifname } = endpoint;
  if (cable === undefined) throw new Error("an endpoint of a cable without its file");
  withLock(`${cable.file}.lock`, () =>
    withNetlink((host) => {
      const other = readEnds(cable.file).find((end) => end.alias !== alias);
      const waits = findLink(host, bridge)?.alias;
      if (other === undefined) removeOurs(host, bridge, waits);
      const beside = other !== undefined && (waits === other.alias || restore(host, other));
      try {
        if (beside) takeWaiting(host, endpoint, netns, observer);
        else makePair(host, endpoint, netns, observer);
      } catch (error) {
        removeOurs(host, bridge, alias);
        insideNetns(netns, () => withNetlink((client) => removeOurs(client, ifname, alias)));
        throw error;
      }
      writeEnds(cable.file, [...(other === undefined ? [] : [other]), endpoint]);
    }),
  );
}

/** Takes a container that goes on running from a cable: its end waits with the host again, for as long as there is another. */
export function disconnectCable(
  endpoint: Pick<Endpoint, "ifname" | "alias"> & { readonly network: Network },
  file: string,
  netns: number,
): void {
  const { network, ifname, alias } = endpoint;
  withLock(`${file}.lock`, () => {
    const other = readEnds(file).find((end) => end.alias !== alias);
    const host = openSync("/proc/thread-self/ns/net", "r");
    try {
      insideNetns(netns, () =>
        withNetlink((client) => {
          const own = findLink(client, ifname);
          if (own?.alias !== alias) return;
          if (other === undefined) {
            removeLink(client, own.index);
            return;
          }
          const step: NetlinkStep = {
            kind: "move",
            link: ifname,
            name: network.bridge,
            alias: other.alias,
            to: "host",
            reason: "this end of the cable waits for another container",
          };
          performSteps(client, [step], { indexes: new Map([[ifname, own.index]]), netns: host }, undefined);
        }),
      );
    } finally {
      closeSync(host);
    }
    writeEnds(file, other === undefined ? [] : [other]);
  });
}
