import { isInBlock } from "../block.ts";
import type { Packet } from "./packet.ts";

/** What a rule's condition says to a packet; undefined: it cannot be judged from outside. */
type Verdict = boolean | undefined;

/** A rule, taken apart. */
export interface ReadRule {
  /** False when some condition is not met; undefined when some cannot be judged and the others are met. */
  readonly matches: Verdict;
  /** The conditions that could not be judged, as they are written. */
  readonly unjudged: readonly string[];
  readonly target?: string | undefined;
  readonly isGoto: boolean;
  /** Words after the target: `--to-destination`, `10.200.1.2:80`. */
  readonly targetOptions: readonly string[];
}

function isLink(pattern: string, name: string | undefined): boolean {
  if (pattern.endsWith("+")) return name?.startsWith(pattern.slice(0, -1)) ?? false;
  return name === pattern;
}

function isPort(list: string, port: number | undefined): Verdict {
  if (port === undefined) return undefined;
  return list.split(",").some((range) => {
    const [first = "", last = first] = range.split(":");
    return port >= Number(first || 0) && port <= Number(last || 65535);
  });
}

function isIcmp(type: string, packet: Packet): boolean {
  if (packet.protocol !== "icmp") return false;
  if (type === "any") return true;
  const echo = packet.answer ? ["0", "129", "echo-reply", "pong"] : ["8", "128", "echo-request", "ping"];
  return echo.includes(type.split("/")[0] ?? "");
}

const listHas = (list: string, ...words: readonly string[]): boolean =>
  list.split(",").some((word) => words.includes(word));

/** The conditions of match extensions that can be judged, by their flag. */
const conditions: Readonly<Record<string, (value: string, packet: Packet) => Verdict>> = {
  "-i": (value, { incoming }) => isLink(value, incoming),
  "-o": (value, { outgoing }) => isLink(value, outgoing),
  "-s": (value, { source }) => isInBlock(source, value),
  "-d": (value, { destination }) => isInBlock(destination, value),
  "-p": (value, { protocol }) =>
    value === "all" || value.replace(/^(ipv6-icmp|icmpv6|icmp6)$/, "icmp") === protocol,
  "--dport": (value, { destinationPort }) => isPort(value, destinationPort),
  "--sport": (value, { sourcePort }) => isPort(value, sourcePort),
  "--dports": (value, { destinationPort }) => isPort(value, destinationPort),
  "--sports": (value, { sourcePort }) => isPort(value, sourcePort),
  "--ctstate": (value, { answer, translated }) =>
    listHas(value, answer ? "ESTABLISHED" : "NEW") || (translated !== undefined && listHas(value, "DNAT")),
  "--state": (value, { answer }) => listHas(value, answer ? "ESTABLISHED" : "NEW"),
  "--ctstatus": (value, { answer, translated }) =>
    (answer && listHas(value, "SEEN_REPLY", "ASSURED", "CONFIRMED")) ||
    (translated !== undefined && listHas(value, "DNAT")) ||
    value === "NONE",
  "--ctorigdst": (value, { translated, destination }) =>
    isInBlock(translated?.destination ?? destination, value),
  "--ctorigdstport": (value, { translated, destinationPort }) =>
    isPort(value, translated?.destinationPort ?? destinationPort),
  "--ctproto": (value, { protocol }) =>
    value === protocol || value === { tcp: "6", udp: "17", icmp: "1" }[protocol],
  "--ctdir": (value, { answer }) => (value === "REPLY") === answer,
  "--dst-type": (value, { destination, isLocal }) =>
    value === "LOCAL" ? isLocal(destination) : value === "UNICAST" ? !isLocal(destination) : undefined,
  "--src-type": (value, { source, isLocal }) =>
    value === "LOCAL" ? isLocal(source) : value === "UNICAST" ? !isLocal(source) : undefined,
  "--physdev-in": (value, { portIn }) => isLink(value, portIn),
  "--physdev-out": (value, { portOut }) => isLink(value, portOut),
  "--icmp-type": isIcmp,
  "--icmpv6-type": isIcmp,
  "--mark": (value) => /^0(x0)?(\/|$)/.test(value),
};

/** Flags without a value. */
const bare: Readonly<Record<string, (packet: Packet) => Verdict>> = {
  "--syn": ({ protocol, answer }) => protocol === "tcp" && !answer,
  "--physdev-is-bridged": ({ portIn, portOut }) => portIn !== undefined && portOut !== undefined,
  "--physdev-is-in": ({ portIn }) => portIn !== undefined,
  "--physdev-is-out": ({ portOut }) => portOut !== undefined,
  "-f": () => false,
};

/** Modules whose flags are judged above; of another one everything is beyond judgement. */
const modules = new Set([
  ...[
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "conntrack",
    "state",
    "addrtype",
    "physdev",
    "multiport",
    "mark",
    "comment",
  ],
]);

function tcpFlags(list: string, set: string, packet: Packet): Verdict {
  if (packet.protocol !== "tcp") return false;
  // A connection begins with SYN and is answered by SYN and ACK.
  const carried = packet.answer ? ["SYN", "ACK"] : ["SYN"];
  const asked = list === "ALL" ? ["SYN", "ACK", "FIN", "RST", "URG", "PSH"] : list.split(",");
  const wanted = set === "NONE" ? [] : set.split(",");
  return asked.every((flag) => carried.includes(flag) === wanted.includes(flag));
}

/** Reads a rule and holds its conditions against a packet. */
export function readRule(words: readonly string[], packet: Packet): ReadRule {
  const state = { refuted: false };
  const unjudged: string[] = [];
  let known = true;
  let at = 0;
  const take = (): string => words[at++] ?? "";
  const judge = (verdict: Verdict, negated: boolean, text: string): void => {
    if (verdict === undefined) unjudged.push(text);
    else if (verdict === negated) state.refuted = true;
  };
  while (at < words.length) {
    let word = take();
    const negated = word === "!";
    if (negated) word = take();
    if (word === "-j" || word === "-g") {
      const target = take();
      const verdict: Verdict = state.refuted ? false : unjudged.length > 0 ? undefined : true;
      return { matches: verdict, unjudged, target, isGoto: word === "-g", targetOptions: words.slice(at) };
    }
    const not = negated ? "! " : "";
    const condition = known && Object.hasOwn(conditions, word) ? conditions[word] : undefined;
    const flag = known && Object.hasOwn(bare, word) ? bare[word] : undefined;
    if (word === "-m") {
      const module = take();
      known = modules.has(module);
      if (!known) unjudged.push(`-m ${module}`);
    } else if (word === "--comment") {
      take();
    } else if (word === "--tcp-flags") {
      const [list, set] = [take(), take()];
      judge(tcpFlags(list, set, packet), negated, `${not}--tcp-flags ${list} ${set}`);
    } else if (word === "--ports") {
      const list = take();
      const both = [isPort(list, packet.sourcePort), isPort(list, packet.destinationPort)];
      judge(
        both.includes(true) ? true : both.includes(undefined) ? undefined : false,
        negated,
        `${not}--ports ${list}`,
      );
    } else if (condition !== undefined) {
      const value = take();
      judge(condition(value, packet), negated, `${not}${word} ${value}`);
    } else if (flag !== undefined) {
      judge(flag(packet), negated, `${not}${word}`);
    } else if (/^-[iosdp]$/.test(word)) {
      // Conditions of the rule itself stand before the modules; iptables-save never prints them later.
      const value = take();
      judge(conditions[word]?.(value, packet), negated, `${not}${word} ${value}`);
    } else if (known) {
      unjudged.push(`${not}${word}`);
    }
  }
  const verdict: Verdict = state.refuted ? false : unjudged.length > 0 ? undefined : true;
  return { matches: verdict, unjudged, isGoto: false, targetOptions: [] };
}
