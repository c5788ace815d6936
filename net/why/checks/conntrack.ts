import type { TrackedConnection } from "../../netlink/conntrack.ts";
import type { Case } from "../case.ts";
import { fail, type Hop, note, pass } from "../hop.ts";

const UDP = 17;

/** Room in the host's connection tracking table. */
export function checkTable(it: Case): Hop | undefined {
  const { name, facts } = it.scene.host;
  const count = facts.sysctls["net/netfilter/nf_conntrack_count"];
  const max = facts.sysctls["net/netfilter/nf_conntrack_max"];
  if (count === undefined || max === undefined) return undefined;
  const place = { at: name, what: "conntrack table" };
  const seen = `${count} of ${max} entries`;
  if (Number(max) > 0 && Number(count) >= Number(max)) {
    return fail(place, "conntrack-full", `${seen}: new connections are dropped`, {
      mend: [`nsenter -t 1 -n sysctl -w net.netfilter.nf_conntrack_max=${Math.max(Number(max) * 4, 65536)}`],
    });
  }
  return Number(count) > Number(max) * 0.9 ? note(place, `${seen}: nearly full`) : pass(place, seen);
}

function show({ source, sourcePort, destination, destinationPort }: TrackedConnection["original"]): string {
  return `${source}:${sourcePort ?? 0} to ${destination}:${destinationPort ?? 0}`;
}

/** Entries of earlier packets of this flow, which decide where later ones go whatever the rules say now. */
export function checkEntries(it: Case, entries: readonly TrackedConnection[]): Hop | undefined {
  const { legs } = it.there;
  const begin = legs.find(({ station }) => station === it.scene.host) ?? legs[0];
  if (begin === undefined) return undefined;
  const { arriving } = begin;
  // New connections of TCP make new entries, and old ones go on as they began.
  if (arriving.protocol !== "udp") return undefined;
  const translated = legs.flatMap(({ translations }) => translations);
  const atHost = translated.filter(({ station }) => station === it.scene.host);
  const destination = atHost.find(({ kind }) => kind === "destination")?.after ?? arriving;
  const source = atHost.find(({ kind }) => kind === "source")?.after.source ?? (arriving.source || undefined);
  const mine = entries.filter(
    ({ original }) =>
      original.protocol === UDP &&
      original.destination === arriving.destination &&
      original.destinationPort === arriving.destinationPort &&
      (arriving.source === "" || original.source === arriving.source),
  );
  const place = { at: it.scene.host.name, what: "conntrack entries" };
  const stale = mine.find(
    ({ reply }) =>
      reply.source !== destination.destination ||
      reply.sourcePort !== destination.destinationPort ||
      (source !== undefined && reply.destination !== source),
  );
  if (stale === undefined) {
    return pass(
      place,
      mine.length === 0 ? "none of this flow" : `${mine.length} of this flow, as the rules want`,
    );
  }
  const { original, reply } = stale;
  const right = `${destination.destination}:${destination.destinationPort ?? 0}`;
  return fail(
    place,
    "conntrack-stale",
    `${show(original)} goes to ${reply.source}:${reply.sourcePort ?? 0}; the rules say ${right}`,
    {
      evidence: [
        `packets from port ${original.sourcePort ?? 0} keep going there as long as the entry lives; new flows do not`,
      ],
      mend: [
        `conntrack -D -p udp --orig-src ${original.source} --orig-dst ${original.destination} --orig-port-dst ${original.destinationPort ?? 0}`,
      ],
    },
  );
}
