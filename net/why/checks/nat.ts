import { isInBlock } from "../block.ts";
import type { Case } from "../case.ts";
import { isOwn } from "../facts.ts";
import { showTarget } from "../flow.ts";
import { fail, type Hop, pass, suspect } from "../hop.ts";
import type { Leg, Translation } from "../way.ts";
import { deleteCommand, describeRule } from "./firewall.ts";

/** A port of the host that shall lead to a container. */
export interface Mapping {
  readonly container: string;
  readonly protocol: string;
  /** Absent: every address of the host. */
  readonly hostAddress?: string | undefined;
  readonly hostPort: number;
  readonly address: string;
  readonly containerPort: number;
}

/** The mapping that a packet to the host is meant for. */
function mappingFor(mappings: readonly Mapping[], flow: Leg["flow"]): Mapping | undefined {
  return mappings.find(
    ({ protocol, hostAddress, hostPort }) =>
      protocol === flow.protocol &&
      hostPort === flow.destinationPort &&
      (hostAddress === undefined || ["0.0.0.0", "::", flow.destination].includes(hostAddress)),
  );
}

function checkTarget(it: Case, translation: Translation): Hop {
  const { station, before, after, by } = translation;
  const place = { at: station.name, what: `port mapping ${showTarget(before)}` };
  const mapping = station.kind === "host" ? mappingFor(it.mappings, before) : undefined;
  const owner = it.scene.stations.find(
    ({ facts, kind }) =>
      kind === "container" && isOwn(facts, after.destination) && !after.destination.startsWith("127."),
  );
  const ours = it.networks.find(({ subnet }) => isInBlock(after.destination, subnet));
  const wrong =
    mapping === undefined
      ? ours !== undefined && owner === undefined
      : mapping.address !== after.destination || mapping.containerPort !== after.destinationPort;
  if (!wrong) return pass(place, `to ${showTarget(after)}${owner === undefined ? "" : `, ${owner.name}`}`);
  const meant =
    mapping === undefined
      ? "no container has that address"
      : `it is meant for ${mapping.address}:${mapping.containerPort}, ${mapping.container}`;
  const evidence = [describeRule(by)];
  if (mapping !== undefined)
    evidence.push(`${after.destination} is ${owner === undefined ? "nobody's" : `${owner.name}'s`}`);
  return fail(place, "port-mapping", `to ${showTarget(after)}; ${meant}`, {
    evidence,
    mend: [deleteCommand(station, by), "mdocker network reload"],
  });
}

/** Translations of the destination: where published ports lead. */
export function checkMapping(it: Case, leg: Leg): Hop[] {
  const { station, translations, arriving } = leg;
  const made = translations.filter(({ kind }) => kind === "destination");
  if (made.length > 0) return made.map((translation) => checkTarget(it, translation));
  const mapping = station.kind === "host" && leg.local ? mappingFor(it.mappings, arriving) : undefined;
  if (mapping === undefined) return [];
  const place = { at: station.name, what: `port mapping ${showTarget(arriving)}` };
  return [
    fail(
      place,
      "port-mapping",
      `no rule translates it; it is meant for ${mapping.address}:${mapping.containerPort}, ${mapping.container}`,
      {
        mend: ["mdocker network reload"],
      },
    ),
  ];
}

/** Translation of the source: what leaves for the outside needs an address that is known there. */
export function checkMasquerade(it: Case, leg: Leg): Hop[] {
  const { station, translations, flow, local, receiver, leaving, out } = leg;
  if (station.kind !== "host" || local || receiver !== undefined || leg.incoming === undefined) return [];
  const place = { at: station.name, what: "NAT" };
  const made = translations.find(({ kind }) => kind === "source");
  if (made !== undefined) return [pass(place, `${made.target}: ${flow.source} becomes ${leaving.source}`)];
  const six = flow.source.includes(":");
  const network = it.networks.find(({ subnet, subnet6 }) =>
    six ? subnet6 !== undefined && isInBlock(flow.source, subnet6) : isInBlock(flow.source, subnet),
  );
  if (network === undefined) return [];
  if (!network.masquerade) {
    return [
      suspect(place, "nat-missing", `${flow.source} stays: network ${network.name} has masquerade=false`),
    ];
  }
  const seen = `${flow.source} would leave by ${out?.name} as it is: nobody outside knows a way back to it`;
  return [
    fail(place, "nat-missing", seen, {
      evidence: [
        `no MASQUERADE rule for ${six ? network.subnet6 : network.subnet} in table nat, chain POSTROUTING`,
      ],
      mend: ["mdocker network reload"],
    }),
  ];
}
