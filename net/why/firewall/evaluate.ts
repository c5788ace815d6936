import { readRule } from "./match.ts";
import type { Packet } from "./packet.ts";
import type { SavedChain, SavedRule, SavedTable } from "./ruleset.ts";

/** Where a decision was made. */
export interface RuleAt {
  readonly table: SavedTable;
  readonly chain: SavedChain;
  /** Absent: the chain's policy. */
  readonly rule?: SavedRule | undefined;
}

/** What a table does to a packet. */
export interface Decision {
  readonly verdict: "accept" | "drop" | "reject" | "translate";
  readonly by?: RuleAt | undefined;
  /** `to`: the new destination of DNAT, as it is written; absent for MASQUERADE. */
  readonly to?: string | undefined;
  readonly target?: string | undefined;
  /** Rules that refuse or translate, whose conditions could not be judged. */
  readonly unjudged: readonly (RuleAt & { readonly conditions: readonly string[] })[];
}

const translations = new Set(["DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"]);
/** After them a packet goes on to the next rule. */
const passing = new Set(
  [
    "LOG",
    "NFLOG",
    "ULOG",
    "MARK",
    "CONNMARK",
    "CT",
    "NOTRACK",
    "TCPMSS",
    "CHECKSUM",
    "TRACE",
    "TOS",
    "DSCP",
    "TTL",
    "HL",
    "SET",
    "CLASSIFY",
    "CONNSECMARK",
    "SECMARK",
    "AUDIT",
    "RATEEST",
    "TEE",
    "TCPOPTSTRIP",
  ], //
);

type Outcome = Omit<Decision, "unjudged"> | "return" | undefined;

/** Follows a packet through the rules of one chain, as the kernel does; undefined when the chain's end is reached. */
function follow(
  table: SavedTable,
  chain: SavedChain,
  packet: Packet,
  unjudged: (RuleAt & { readonly conditions: readonly string[] })[],
  depth: number,
): Outcome {
  if (depth > 32) return undefined;
  for (const rule of chain.rules) {
    const read = readRule(rule.words, packet);
    const { target, targetOptions } = read;
    if (read.matches === false || target === undefined || passing.has(target)) continue;
    const at: RuleAt = { table, chain, rule };
    if (read.matches === undefined) {
      if (target !== "ACCEPT" && target !== "RETURN") unjudged.push({ ...at, conditions: read.unjudged });
      continue;
    }
    if (target === "ACCEPT") return { verdict: "accept", by: at, target };
    if (target === "DROP") return { verdict: "drop", by: at, target };
    if (target === "REJECT") return { verdict: "reject", by: at, target };
    if (target === "RETURN") return "return";
    if (translations.has(target)) {
      const option = targetOptions.findIndex((word) => /^--to/.test(word));
      return {
        verdict: "translate",
        by: at,
        target,
        to: option < 0 ? undefined : targetOptions[option + 1],
      };
    }
    const next = table.chains.get(target);
    if (next === undefined) {
      unjudged.push({ ...at, conditions: [`-j ${target}`] });
      continue;
    }
    const outcome = follow(table, next, packet, unjudged, depth + 1);
    if (outcome !== undefined && outcome !== "return") return outcome;
    if (read.isGoto) return "return";
  }
  return undefined;
}

/** What a built-in chain of a table does to a packet. */
export function evaluate(table: SavedTable, chainName: string, packet: Packet): Decision {
  const chain = table.chains.get(chainName);
  const unjudged: (RuleAt & { readonly conditions: readonly string[] })[] = [];
  if (chain === undefined) return { verdict: "accept", unjudged };
  const outcome = follow(table, chain, packet, unjudged, 0);
  if (outcome !== undefined && outcome !== "return") return { ...outcome, unjudged };
  const verdict = chain.policy === "DROP" ? "drop" : "accept";
  return { verdict, by: { table, chain }, unjudged };
}
