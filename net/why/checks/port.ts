import type { Case } from "../case.ts";
import { networkOfBridge } from "../case.ts";
import { fail, type Hop, pass } from "../hop.ts";
import type { Device, Leg } from "../way.ts";

function device(leg: Leg, role: Device["role"]): Device | undefined {
  return leg.devices.find((one) => one.role === role);
}

/** What the bridge does with the packet: the states of both ports, isolation, and behind which port it believes the MAC. */
export function checkPorts(it: Case, leg: Leg): Hop | undefined {
  const bridge = device(leg, "bridge");
  if (bridge === undefined) return undefined;
  const place = { at: bridge.station.name, what: `switch ${bridge.link.name}` };
  const ports = [device(leg, "port-in"), device(leg, "port-out")].flatMap((one) => one?.link ?? []);
  const stuck = ports.find(({ port }) => port !== undefined && port.state !== "forwarding");
  if (stuck !== undefined) {
    return fail(place, "port-state", `port ${stuck.name} is ${stuck.port?.state}`, {
      mend: [`bridge link set dev ${stuck.name} state 3`],
    });
  }
  const [one, other] = ports;
  if (one?.port?.isolated === true && other?.port?.isolated === true) {
    const network = networkOfBridge(it, bridge.link.name);
    const names = [it.scene.from, it.scene.to].flatMap((end) =>
      end?.kind === "container" ? [end.name] : [],
    );
    const own = `${names.join("-")}`;
    return fail(place, "isolated", `ports ${one.name} and ${other.name} are isolated from each other`, {
      evidence: network?.icc === false ? [`network ${network.name} was created with icc=false`] : [],
      mend:
        network?.icc === false
          ? [
              `mdocker network create ${own}`,
              ...names.map((name) => `mdocker network connect ${own} ${name}`),
            ]
          : ports.map(({ name }) => `bridge link set dev ${name} isolated off`),
    });
  }
  const mac = leg.receiver?.link.mac;
  const out = device(leg, "port-out")?.link;
  const entry = bridge.station.facts.fdb.find(
    (found) =>
      found.mac === mac &&
      found.bridge === bridge.link.index &&
      found.link !== bridge.link.index &&
      !(found.local && out === undefined),
  );
  if (entry !== undefined && entry.link !== out?.index) {
    const believed =
      bridge.station.facts.links.find(({ index }) => index === entry.link)?.name ?? `link ${entry.link}`;
    const truth = out === undefined ? "the bridge's own" : `behind ${out.name}`;
    return fail(place, "fdb", `${mac} is believed behind ${believed}; it is ${truth}`, {
      evidence: [
        entry.fixed || entry.local ? "the entry was set by hand" : "learned from a packet that came in there",
      ],
      mend: [`bridge fdb delete ${mac} dev ${believed} master`],
    });
  }
  const known =
    entry === undefined
      ? "MAC not learned yet: sent to every port"
      : `MAC known behind ${out?.name ?? bridge.link.name}`;
  if (out === undefined) return pass(place, "for the bridge's own address");
  return pass(place, `forwarding, ${known}`);
}
