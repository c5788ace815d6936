import type { Case } from "./case.ts";
import { deleteCommand, describeRule } from "./checks/firewall.ts";
import { linkOf } from "./facts.ts";
import { fail, type Hop } from "./hop.ts";
import type { Seen } from "./probe.ts";
import type { Station } from "./station.ts";

/** Rules that refuse, and that have counted packets since `before`. */
function movedRules(before: Station, after: Station) {
  return after.tables.flatMap((table) => {
    const old = before.tables.find((one) => one.name === table.name && one.backend === table.backend);
    return [...table.chains.values()].flatMap((chain) =>
      chain.rules.flatMap((rule) => {
        const was = old?.chains
          .get(chain.name)
          ?.rules.find((one) => one.number === rule.number && one.text === rule.text);
        const refuses = /-j (DROP|REJECT)\b/.test(rule.text);
        return refuses && was !== undefined && rule.packets > was.packets
          ? [{ table, chain, rule, moved: rule.packets - was.packets }]
          : [];
      }),
    );
  });
}

function movedQueues(before: Station, after: Station) {
  return after.facts.qdiscs.flatMap((qdisc) => {
    const was = before.facts.qdiscs.find(
      (one) => one.link === qdisc.link && one.handle === qdisc.handle && one.kind === qdisc.kind,
    );
    const moved = qdisc.counters.dropped - (was?.counters.dropped ?? 0);
    return was !== undefined && moved > 0 ? [{ qdisc, moved }] : [];
  });
}

/** `host up0, outgoing`: where packets of the probe went by, in the order of the stations; each once. */
function describeSeen(it: Case, seen: readonly Seen[], answer: boolean): string[] {
  const places = seen
    .filter((one) => one.answer === answer && one.error === undefined)
    .map(({ station, link, outgoing }) => {
      const facts = it.scene.stations.find(({ name }) => name === station)?.facts;
      const name = facts === undefined ? undefined : linkOf(facts, link)?.name;
      return `${station} ${name ?? `link ${link}`} ${outgoing ? "out" : "in"}`;
    });
  return [...new Set(places)];
}

/** Looks for what lost the probe, where no check has found a reason: counters that moved, and where it was seen last. */
export function findLoss(it: Case, after: readonly Station[], seen: readonly Seen[]): Hop {
  const requests = describeSeen(it, seen, false);
  const answers = describeSeen(it, seen, true);
  const evidence = [
    `requests were seen at: ${requests.join(", ") || "no link at all"}`,
    ...(answers.length > 0 ? [`answers were seen at: ${answers.join(", ")}`] : []),
  ];
  for (const station of after) {
    const before = it.scene.stations.find(({ name, kind }) => name === station.name && kind === station.kind);
    if (before === undefined) continue;
    const [rule] = movedRules(before, station);
    if (rule !== undefined) {
      const fault = station.kind === "container" ? "firewall-inside" : "firewall-host";
      return fail(
        { at: station.name, what: `firewall ${rule.chain.name}` },
        fault,
        `${describeRule(rule)} counted ${rule.moved} packets of the probe`,
        { evidence, mend: [deleteCommand(station, rule)] },
      );
    }
    const [queue] = movedQueues(before, station);
    if (queue !== undefined) {
      const link = linkOf(station.facts, queue.qdisc.link)?.name ?? `link ${queue.qdisc.link}`;
      return fail(
        { at: station.name, what: `queue ${link}` },
        "qdisc",
        `${queue.qdisc.kind} dropped ${queue.moved} packets of the probe`,
        {
          evidence,
        },
      );
    }
  }
  const left =
    it.there.end === "beyond" &&
    seen.some(
      ({ answer, outgoing, station }) =>
        !answer && outgoing && station === it.there.legs.at(-1)?.station.name,
    );
  if (left) {
    const out = it.there.legs.at(-1)?.out?.name ?? "";
    return fail(
      { at: "outside", what: "answer" },
      "outside",
      `the packet left by ${out}; nothing came back`,
      { evidence },
    );
  }
  const last = answers.at(-1) ?? requests.at(-1);
  return fail(
    { at: "?", what: "unknown" },
    "unexplained",
    last === undefined ? "the packet never left its sender" : `last seen at ${last}`,
    {
      evidence,
    },
  );
}
