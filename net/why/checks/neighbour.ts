import { type Case, networkOfBridge } from "../case.ts";
import { addressesOf, isOwn } from "../facts.ts";
import { fail, type Hop, note, pass } from "../hop.ts";
import type { Apart } from "../shared.ts";
import { enter } from "../station.ts";
import type { Leg } from "../way.ts";

/** Of two who share a link of the host, and never meet there. */
function checkApart(place: Pick<Hop, "at" | "what">, { why, ends, parent }: Apart, address: string): Hop {
  const [from, to] = ends;
  if (why === "mode") {
    return fail(
      place,
      "macvlan-mode",
      `${to.station.name} has it, on ${parent} too: the links' modes keep them apart`,
      {
        evidence: ends.map(({ station, link }) => `${link.name} of ${station.name}: mode ${link.mode}`),
        mend: ends
          .filter(({ link }) => link.mode !== "bridge")
          .map(({ station, link }) => `${enter(station)}ip link set ${link.name} type macvlan mode bridge`),
      },
    );
  }
  const [host, container] = from.station.kind === "host" ? [from, to] : [to, from];
  const own = addressesOf(container.station.facts, container.link);
  const back = own.find((one) => one.address.includes(":") === address.includes(":"))?.address;
  const { kind, mode } = container.link;
  // Names of links have 15 bytes at most.
  const link = `${kind === "macvlan" ? "mv" : "iv"}-${parent}`.slice(0, 15);
  return fail(place, "parent-host", `${to.station.name} has it: ${parent} and what stands on it never meet`, {
    evidence: [
      `${container.link.name} of ${container.station.name} is a ${kind} on ${parent}, which is the host's own link`,
    ],
    mend:
      back === undefined
        ? []
        : [
            `${enter(host.station)}ip link add link ${parent} name ${link} type ${kind} mode ${mode ?? "bridge"}`,
            `${enter(host.station)}ip link set ${link} up`,
            `${enter(host.station)}ip route add ${back} dev ${link}`,
          ],
  });
}

/** What the sender believes of the next hop's MAC address, against what it really is. */
export function checkNeighbour(it: Case, leg: Leg): Hop | undefined {
  const { station, out, nextHop, receiver, devices } = leg;
  if (out === undefined || nextHop === undefined || out.name === "lo") return undefined;
  if (out.mac === undefined || devices.length === 0) return undefined;
  const place = { at: station.name, what: `neighbour ${nextHop}` };
  const entry = station.facts.neighbours.find((one) => one.link === out.index && one.address === nextHop);
  const six = nextHop.includes(":") ? "-6 " : "";
  const mend = [`${enter(station)}ip ${six}neigh delete ${nextHop} dev ${out.name}`];
  if (leg.apart !== undefined) return checkApart(place, leg.apart, nextHop);
  if (receiver === undefined) {
    const known = entry?.mac !== undefined && entry.state !== "failed";
    // Out of sight: whoever is there has answered, or will be asked.
    if (!devices.some(({ role }) => role === "bridge") && devices.length === 1) {
      return entry?.state === "failed"
        ? note(place, "did not answer when it was asked last")
        : pass(place, known ? `${entry.mac} (${entry.state})` : "will be asked");
    }
    const network =
      station.kind === "host"
        ? networkOfBridge(it, out.name)?.name
        : station.given.find(({ ifname }) => ifname === out.name)?.network;
    return fail(place, "no-neighbour", `nobody on ${out.name} has ${nextHop}`, {
      evidence: entry === undefined ? [] : [`neighbour entry: ${entry.mac ?? "no MAC"} ${entry.state}`],
      mend: network === undefined ? [] : [`mdocker network inspect ${network}`],
    });
  }
  const real = receiver.link.mac;
  if (entry?.mac !== undefined && real !== undefined && entry.mac !== real && entry.state !== "failed") {
    return fail(place, "neighbour", `believed at ${entry.mac} (${entry.state}); it is ${real}`, {
      evidence: [
        `${nextHop} is an address of ${receiver.station.name}, whose ${receiver.link.name} has ${real}`,
      ],
      mend,
    });
  }
  if (entry === undefined || entry.mac === undefined) {
    const how = isOwn(receiver.station.facts, nextHop)
      ? `will be asked: ${receiver.station.name} has it`
      : "will be asked";
    return pass(place, entry === undefined ? how : `${entry.state}: ${how}`);
  }
  return pass(place, `${entry.mac} (${entry.state}), as it is`);
}
