import { fail, type Hop, pass } from "../hop.ts";
import { enter } from "../station.ts";
import type { Leg } from "../way.ts";

/** The MTU that most links of the wire have; of two that are as frequent, the larger. */
function usual(mtus: readonly number[]): number {
  const count = (mtu: number) => mtus.filter((one) => one === mtu).length;
  return [...mtus].sort((one, other) => count(other) - count(one) || other - one)[0] ?? 1500;
}

/** What the sender's link makes, every link of the same wire must take: a bridge cannot say that a packet is too long. */
export function checkMtu(leg: Leg): Hop | undefined {
  const { out, station, devices } = leg;
  if (out === undefined || devices.length < 2) return undefined;
  const place = { at: station.name, what: `mtu from ${out.name}` };
  const wire = devices.filter(({ role }) => role !== "bridge");
  const narrow = wire.find(({ link }) => link.mtu < out.mtu);
  if (narrow !== undefined) {
    const right = usual(wire.map(({ link }) => link.mtu));
    const wrong = wire.filter(({ link }) => link.mtu !== right);
    return fail(
      place,
      "mtu",
      `${out.name} sends up to ${out.mtu}, ${narrow.link.name}${narrow.station === station ? "" : ` (${narrow.station.name})`} takes ${narrow.link.mtu}`,
      {
        evidence: [wire.map(({ station: on, link }) => `${on.name} ${link.name} ${link.mtu}`).join(", ")],
        mend: wrong.map(({ station: on, link }) => `${enter(on)}ip link set ${link.name} mtu ${right}`),
      },
    );
  }
  return pass(place, `${out.mtu}, no link of the wire takes less`);
}
