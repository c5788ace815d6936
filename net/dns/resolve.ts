import { reversedAddress } from "./address.ts";
import {
  type Answer,
  answerRecord,
  encodeName,
  type Query,
  recordClass,
  recordType,
  responseCode,
} from "./message.ts";
import type { Host, Zone } from "./zone.ts";

let turn = 0;

/** The hosts, beginning with another one each time: who takes the first of several meets all of them in turn. */
function inTurn(hosts: readonly Host[]): readonly Host[] {
  if (hosts.length < 2) return hosts;
  turn = (turn + 1) % 0x40000000;
  const first = turn % hosts.length;
  return [...hosts.slice(first), ...hosts.slice(0, first)];
}

/** Hosts of that name in the first of the zones that has it. */
function findHosts(zones: readonly Zone[], name: string): readonly Host[] {
  for (const zone of zones) {
    const hosts = zone.named(name);
    if (hosts.length > 0) return hosts;
  }
  return [];
}

/** The whole name of the one with that address, as `name.network`; undefined when nobody has it. */
function nameAt(zones: readonly Zone[], address: Uint8Array): string | undefined {
  for (const zone of zones) {
    const name = zone.at(address)?.names[0];
    if (name !== undefined) return `${name}.${zone.network.name}`;
  }
  return undefined;
}

/**
 * What the networks' own names have to say; undefined when it is for others to answer. A name that is ours has the records
 * that it has: of any other type there are none, and nobody else is asked. Addresses of the networks are ours, too.
 */
export function answerOwn(query: Query, zones: readonly Zone[]): Answer | undefined {
  const { name, type } = query;
  if (query.class !== recordClass.IN && query.class !== recordClass.ANY) return undefined;
  const hosts = findHosts(zones, name);
  if (hosts.length > 0) {
    const types = type === recordType.ANY ? [recordType.A, recordType.AAAA] : [type];
    const records = inTurn(hosts).flatMap((host) => types.flatMap((one) => host.records.get(one) ?? []));
    return { code: responseCode.noError, authoritative: true, records };
  }
  const address = name.endsWith(".arpa") ? reversedAddress(name) : undefined;
  if (address === undefined) return undefined;
  const found = nameAt(zones, address);
  if (found === undefined) {
    const ours = zones.some((zone) => zone.covers(address));
    return ours ? { code: responseCode.noSuchName, authoritative: true } : undefined;
  }
  const asked = type === recordType.PTR || type === recordType.ANY;
  const records = asked ? [answerRecord(recordType.PTR, encodeName(found))] : [];
  return { code: responseCode.noError, authoritative: true, records };
}
