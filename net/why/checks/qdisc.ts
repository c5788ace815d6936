import type { LinkDetail } from "../../netlink/link-detail.ts";
import { formatHandle, type Qdisc, rootParent } from "../../netlink/qdisc.ts";
import { parseNetem } from "../../netlink/qdisc-netem.ts";
import { parseTbf } from "../../netlink/qdisc-tbf.ts";
import type { Facts } from "../facts.ts";
import { fail, type Hop, note, pass, suspect } from "../hop.ts";
import { enter, type Station } from "../station.ts";
import type { Leg } from "../way.ts";

/** An echo request with its Ethernet header; nothing useful is smaller. */
const smallest = 98;
const plain: ReadonlySet<string> = new Set([
  "noqueue",
  "pfifo_fast",
  "fq_codel",
  "fq",
  "mq",
  "pfifo",
  "codel",
  "sfq",
  "cake",
]);

/** What a queueing discipline does to packets, in a few words; `loses`: nothing gets through. */
function describeQdisc(qdisc: Qdisc, mtu: number): { readonly text: string; readonly loses: boolean } {
  const { kind, options } = qdisc;
  if (kind === "netem") {
    const it = parseNetem(options);
    const percent = (chance: number) => `${Math.round(chance * 1e4) / 100}%`;
    const parts = [
      it.latencyNs > 0 ? `delay ${Math.round(it.latencyNs / 1e4) / 100}ms` : "",
      it.jitterNs > 0 ? `jitter ${Math.round(it.jitterNs / 1e4) / 100}ms` : "",
      it.loss > 0 ? `loss ${percent(it.loss)}` : "",
      it.duplicate > 0 ? `duplicate ${percent(it.duplicate)}` : "",
      it.corrupt > 0 ? `corrupt ${percent(it.corrupt)}` : "",
      it.reorder > 0 ? `reorder ${percent(it.reorder)}` : "",
    ].filter((part) => part !== "");
    return { text: `netem ${parts.join(", ") || "without effect"}`, loses: it.loss > 0.999 };
  }
  if (kind === "tbf") {
    const { bytesPerSecond, burst } = parseTbf(options);
    const rate = `tbf rate ${bytesPerSecond * 8}bit/s, burst ${burst} bytes`;
    if (burst < smallest) return { text: `${rate}: no packet is that small`, loses: true };
    const starved = bytesPerSecond < smallest;
    const short = burst < mtu + 14 ? `: longer packets than ${burst - 14} are lost` : "";
    return { text: `${rate}${short}`, loses: starved };
  }
  return { text: kind, loses: false };
}

function checkQueue(station: Station, link: LinkDetail): Hop | undefined {
  const place = { at: station.name, what: `queue ${link.name}` };
  const queues = station.facts.qdiscs.filter((one) => one.link === link.index && !plain.has(one.kind));
  const described = queues
    .filter(({ kind }) => kind !== "ingress" && kind !== "clsact")
    .map((qdisc) => ({ qdisc, ...describeQdisc(qdisc, link.mtu) }));
  const losing = described.find(({ loses }) => loses);
  if (losing !== undefined) {
    const { qdisc, text } = losing;
    return fail(place, "qdisc", text, {
      evidence: [
        `qdisc ${qdisc.kind} ${formatHandle(qdisc.handle)}: ${qdisc.counters.packets} packets sent, ` +
          `${qdisc.counters.dropped} dropped, ${qdisc.counters.waiting} waiting`,
      ],
      mend: [`${enter(station)}tc qdisc delete dev ${link.name} root`],
    });
  }
  const text = described.map((one) => one.text).join("; ");
  if (described.some((one) => one.text.includes("loss") || one.text.includes("lost"))) {
    return suspect(place, "qdisc", text, {
      mend: [`${enter(station)}tc qdisc delete dev ${link.name} root`],
    });
  }
  if (text !== "") return note(place, text);
  const [root] = station.facts.qdiscs.filter((one) => one.link === link.index && one.parent === rootParent);
  return root === undefined ? undefined : pass(place, `${root.kind}: nothing is held back`);
}

/** The queues of the links that send the packet on its leg. */
export function checkQueues({ devices, out, station }: Leg): Hop[] {
  const senders = devices.filter(({ role }) => role === "sender" || role === "port-out");
  const first =
    out !== undefined && !senders.some(({ link }) => link === out) ? [{ station, link: out }] : [];
  const hops = [...first, ...senders].flatMap(({ station: at, link }) => checkQueue(at, link) ?? []);
  return hops;
}

/** What delays, limits or loses packets that leave by a link, in words; none for the queues that every link has. */
export function describeQueues({ qdiscs }: Pick<Facts, "qdiscs">, link: LinkDetail): string[] {
  return qdiscs
    .filter((one) => one.link === link.index && !plain.has(one.kind))
    .map((qdisc) => describeQdisc(qdisc, link.mtu).text);
}
