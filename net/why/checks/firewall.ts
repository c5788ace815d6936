import type { Case } from "../case.ts";
import { networkOfBridge } from "../case.ts";
import type { FaultId } from "../faults.ts";
import { type Decision, evaluate, type RuleAt } from "../firewall/evaluate.ts";
import { type HookView, hookPacket } from "../firewall/hooks.ts";
import type { Packet } from "../firewall/packet.ts";
import type { Flow } from "../flow.ts";
import { fail, type Hop, pass, suspect, type Trouble } from "../hop.ts";
import { enter, type Station } from "../station.ts";
import type { Leg } from "../way.ts";

const tableOrder = ["raw", "mangle", "filter", "security"];

/** `MDOCKER-USER rule 1 (filter): -s 10.200.1.2/32 -j DROP` */
export function describeRule({ table, chain, rule }: RuleAt): string {
  const where = rule === undefined ? `policy of ${chain.name}` : `${chain.name} rule ${rule.number}`;
  const what = rule === undefined ? (chain.policy ?? "") : rule.text;
  return `${where} (${table.name}, ${table.program}): ${what}`;
}

/** The command that deletes a rule, or lets a chain's policy accept. */
export function deleteCommand(station: Station, { table, chain, rule }: RuleAt): string {
  const option = table.name === "filter" ? "" : `-t ${table.name} `;
  return rule === undefined
    ? `${enter(station)}${table.program} ${option}-P ${chain.name} ACCEPT`
    : `${enter(station)}${table.program} ${option}-D ${chain.name} ${rule.text}`;
}

interface Blame {
  readonly fault: FaultId;
  readonly trouble: Trouble;
}

/** Whose decision it was, and what to do about it. */
function blame(it: Case, station: Station, packet: Packet, by: RuleAt): Blame {
  const chains = it.owner.toUpperCase();
  const removal: Trouble = { mend: [deleteCommand(station, by)] };
  if (station.kind === "container") return { fault: "firewall-inside", trouble: removal };
  if (by.chain.name === `${chains}-USER`) return { fault: "firewall-user", trouble: removal };
  const ours = by.chain.name === chains || by.chain.name.startsWith(`${chains}-`);
  const out =
    networkOfBridge(it, packet.outgoing) ?? it.networks.find(({ subnet }) => by.rule?.words.includes(subnet));
  const into = networkOfBridge(it, packet.incoming);
  if (!ours) {
    const missing = by.rule === undefined && by.chain.name === "FORWARD" && (out ?? into) !== undefined;
    return { fault: "firewall-host", trouble: missing ? { mend: ["mdocker network reload"] } : removal };
  }
  const { from, to } = it.scene;
  if (into?.internal === true && out !== into) {
    return { fault: "internal", trouble: { mend: [`mdocker network connect bridge ${from.name}`] } };
  }
  if (into !== undefined && out !== undefined && out !== into) {
    const mend = from.kind === "container" ? [`mdocker network connect ${out.name} ${from.name}`] : [];
    return {
      fault: "isolation",
      trouble: { evidence: [`from network ${into.name} to network ${out.name}`], mend },
    };
  }
  if (into !== undefined && into === out) {
    const names = [from, to].flatMap((end) => (end?.kind === "container" ? [end.name] : []));
    const mend = [
      `mdocker network create ${names.join("-")}`,
      ...names.map((name) => `mdocker network connect ${names.join("-")} ${name}`),
    ];
    return {
      fault: "isolated",
      trouble: { evidence: [`network ${into.name} was created with icc=false`], mend },
    };
  }
  const port = packet.destinationPort === undefined ? "" : ` --dport ${packet.destinationPort}`;
  const command =
    `${by.table.program} -I ${chains}-USER -i ${packet.incoming} -o ${packet.outgoing} ` +
    `-d ${packet.destination} -p ${packet.protocol}${port} -j ACCEPT`;
  return { fault: "unpublished-port", trouble: { mend: [command] } };
}

/** What the packet filter of a station does to a packet at one hook, by the rules. */
function checkHook(it: Case, station: Station, hook: string, flow: Flow, view: HookView): Hop {
  const place = { at: station.name, what: `firewall ${hook}` };
  const packet = hookPacket(station, flow, view);
  const tables = station.tables
    .filter(({ name, chains }) => tableOrder.includes(name) && chains.has(hook))
    .sort((one, other) => tableOrder.indexOf(one.name) - tableOrder.indexOf(other.name));
  let accepted: RuleAt | undefined;
  const unjudged: Decision["unjudged"][number][] = [];
  for (const table of tables) {
    const decision = evaluate(table, hook, packet);
    const { by, verdict } = decision;
    if (by !== undefined && (verdict === "drop" || verdict === "reject")) {
      const { fault, trouble } = blame(it, station, packet, by);
      const evidence = [
        `counted ${by.rule?.packets ?? by.chain.packets} packets so far`,
        ...(trouble.evidence ?? []),
      ];
      return fail(place, fault, describeRule(by), { ...trouble, evidence });
    }
    unjudged.push(...decision.unjudged);
    if (verdict === "accept" && by?.rule !== undefined) accepted = by;
  }
  const [first] = unjudged;
  if (first !== undefined) {
    const { fault, trouble } = blame(it, station, packet, first);
    return suspect(place, fault, `cannot be judged: ${describeRule(first)}`, trouble);
  }
  const foreign = station.foreign.find((one) => one.hook.toUpperCase() === hook);
  if (foreign !== undefined) {
    const [refusal] = foreign.refusals;
    return suspect(
      place,
      "firewall-foreign",
      `nft table ${foreign.table}, chain ${foreign.chain}, may refuse it`,
      {
        evidence: ["nft list ruleset shows it; iptables does not"],
        mend: [
          refusal === undefined
            ? `${enter(station)}nft chain ${foreign.table} ${foreign.chain} '{ policy accept ; }'`
            : `${enter(station)}nft delete rule ${foreign.table} ${refusal.chain} handle ${refusal.handle}`,
        ],
      },
    );
  }
  if (accepted !== undefined)
    return pass(place, `accepted by ${accepted.chain.name} rule ${accepted.rule?.number}`);
  return pass(place, tables.length === 0 ? "no rules" : "no rule refuses it");
}

/** The hooks of the packet filter that a packet meets before it is routed. */
export function checkFirewallBefore(it: Case, leg: Leg, answer: boolean): Hop[] {
  const { station, incoming, arriving } = leg;
  if (incoming === undefined) return [];
  return [checkHook(it, station, "PREROUTING", arriving, { incoming: incoming.name, answer })];
}

/** The hooks that it meets once its route is known. */
export function checkFirewallAfter(it: Case, leg: Leg, answer: boolean): Hop[] {
  const { station, incoming, local, out, flow, leaving, translations } = leg;
  const translated = translations.find(({ kind }) => kind === "destination")?.before;
  if (local && incoming !== undefined) {
    return [checkHook(it, station, "INPUT", flow, { incoming: incoming.name, answer, translated })];
  }
  const outgoing = local ? "lo" : out?.name;
  const hook = incoming === undefined ? "OUTPUT" : "FORWARD";
  const hops = [
    checkHook(it, station, hook, flow, { incoming: incoming?.name, outgoing, answer, translated }),
  ];
  const mangled = station.tables.some(
    ({ name, chains }) => name === "mangle" && (chains.get("POSTROUTING")?.rules.length ?? 0) > 0,
  );
  if (mangled) hops.push(checkHook(it, station, "POSTROUTING", leaving, { outgoing, answer, translated }));
  return hops;
}

/** The host's packet filter, where it looks at what its bridge passes on (bridge-nf-call-iptables). */
export function checkBridged(it: Case, leg: Leg, answer: boolean): Hop[] {
  const of = (role: string) => leg.devices.find((one) => one.role === role);
  const [bridge, portIn, portOut] = [of("bridge"), of("port-in"), of("port-out")];
  if (bridge === undefined || portIn === undefined || portOut === undefined) return [];
  const setting = leg.flow.destination.includes(":") ? "bridge-nf-call-ip6tables" : "bridge-nf-call-iptables";
  if (bridge.station.facts.sysctls[`net/bridge/${setting}`] !== "1") return [];
  const { name } = bridge.link;
  const view = { incoming: name, answer, portIn: portIn.link.name, portOut: portOut.link.name };
  return [
    checkHook(it, bridge.station, "PREROUTING", leg.leaving, { ...view, portOut: undefined }),
    checkHook(it, bridge.station, "FORWARD", leg.leaving, { ...view, outgoing: name }),
  ];
}
