import { faults } from "../../../net/why/faults.ts";
import type { Hop } from "../../../net/why/hop.ts";
import type { WhyAnswer } from "../../container/why/why.ts";
import type { Palette } from "../colour.ts";

const printable = (text: string): string => text.replaceAll(/\p{C}/gu, "?");

const marks = {
  pass: ["ok", 32],
  note: ["ok", 33],
  suspect: ["?", 33],
  fail: ["FAIL", 31],
} as const;

function renderHop(hop: Hop, widths: readonly [number, number], colours: Palette): string {
  const [mark, code] = marks[hop.status];
  const place = `${hop.back === true ? "← " : "  "}${hop.at.padEnd(widths[0])}  ${hop.what.padEnd(widths[1])}`;
  return `${place}  ${colours.colour(code, mark.padEnd(4))}  ${printable(hop.seen)}`;
}

/** One line of what really happened to a packet. */
function renderProbe({ probe, protocol, port }: WhyAnswer, colours: Palette): string {
  if (probe === undefined) return "";
  const what = protocol === "icmp" ? "echo request" : `${protocol} to port ${port}`;
  const good = probe.outcome === "answered" || probe.open === true;
  return `probe: ${what}: ${good ? colours.colour(32, probe.said) : colours.colour(31, probe.said)}\n`;
}

const verdicts = {
  reachable: "is reachable",
  faulty: "is reached, but something on the way is wrong",
  unreachable: "is not reachable",
} as const;

/** The whole answer: a line for each hop, then the first that fails, with evidence and the commands that mend it. */
export function renderWhy(answer: WhyAnswer, colours: Palette): string {
  const { hops, from, to, source, destination, verdict, cause, remarks } = answer;
  const longest = (pick: (hop: Hop) => string) => Math.max(0, ...hops.map((hop) => pick(hop).length));
  const widths = [longest(({ at }) => at), longest(({ what }) => what)] as const;
  const lines = [
    colours.bold(`${from} to ${to}: ${source} → ${destination}`),
    ...hops.map((hop) => renderHop(hop, widths, colours)),
  ];
  const text = `${lines.join("\n")}\n${renderProbe(answer, colours)}`;
  const good = verdict === "reachable";
  const sentence = `${to} ${verdicts[verdict]} from ${from}`;
  const end = [
    `${text}${colours.colour(good ? 32 : 31, sentence)}`,
    ...remarks.map((remark) => `note: ${remark}`),
  ];
  if (cause === undefined) return `${end.join("\n")}\n`;
  const fault = cause.fault === undefined ? undefined : faults[cause.fault];
  end.push(
    "",
    colours.bold(`the first hop that fails: ${cause.at}, ${cause.what}: ${fault?.title ?? ""}`),
    `  ${printable(cause.seen)}`,
    ...(cause.evidence ?? []).map((line) => `  ${printable(line)}`),
    ...(fault === undefined ? [] : [`  why: ${fault.because}`]),
  );
  if (cause.mend !== undefined && cause.mend.length > 0) {
    end.push("to mend it:", ...cause.mend.map((command) => `  ${colours.bold(command)}`));
  } else if (fault !== undefined) {
    end.push(`to mend it: ${fault.mended}`);
  }
  return `${end.join("\n")}\n`;
}
