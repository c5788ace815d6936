import { isOwn } from "../facts.ts";
import { fail, type Hop, note, pass } from "../hop.ts";
import { enter } from "../station.ts";
import type { Leg } from "../way.ts";

/** What the sender believes of the next hop's MAC address, against what it really is. */
export function checkNeighbour(leg: Leg): Hop | undefined {
  const { station, out, nextHop, receiver, devices } = leg;
  if (out === undefined || nextHop === undefined || out.name === "lo") return undefined;
  if (out.mac === undefined || devices.length === 0) return undefined;
  const place = { at: station.name, what: `neighbour ${nextHop}` };
  const entry = station.facts.neighbours.find((one) => one.link === out.index && one.address === nextHop);
  const six = nextHop.includes(":") ? "-6 " : "";
  const mend = [`${enter(station)}ip ${six}neigh delete ${nextHop} dev ${out.name}`];
  if (receiver === undefined) {
    const known = entry?.mac !== undefined && entry.state !== "failed";
    // Out of sight: whoever is there has answered, or will be asked.
    if (!devices.some(({ role }) => role === "bridge") && devices.length === 1) {
      return entry?.state === "failed"
        ? note(place, "did not answer when it was asked last")
        : pass(place, known ? `${entry.mac} (${entry.state})` : "will be asked");
    }
    return fail(place, "no-neighbour", `nobody on ${out.name} has ${nextHop}`, {
      evidence: entry === undefined ? [] : [`neighbour entry: ${entry.mac ?? "no MAC"} ${entry.state}`],
      mend: ["mdocker network inspect bridge"],
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
