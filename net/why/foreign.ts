import { AF_INET, type Family } from "../netlink/ip.ts";
import type { ForeignChain } from "./station.ts";

/** What `nft -j list ruleset` prints, as far as it is read (libnftables-json(5)). */
interface Listing {
  readonly nftables: readonly {
    readonly chain?: {
      readonly family: string;
      readonly table: string;
      readonly name: string;
      readonly hook?: string;
      readonly policy?: string;
    };
    readonly rule?: {
      readonly family: string;
      readonly table: string;
      readonly chain: string;
      readonly handle: number;
      readonly expr?: readonly Readonly<Record<string, unknown>>[];
    };
  }[];
}

/** Tables that iptables-nft makes: iptables-save shows them. */
const ofIptables = new Set(["filter", "nat", "mangle", "raw", "security"]);

function isForeign(family: string, table: string): boolean {
  return !((family === "ip" || family === "ip6") && ofIptables.has(table));
}

function concerns(family: string, asked: Family): boolean {
  return ["inet", "bridge", "netdev", asked === AF_INET ? "ip" : "ip6"].includes(family);
}

/** The base chains, of tables that iptables does not show, in which packets may be refused. */
export function parseForeign(text: string, asked: Family): ForeignChain[] {
  const { nftables } = JSON.parse(text) as Listing;
  const rules = nftables.flatMap(({ rule }) => (rule === undefined ? [] : [rule]));
  return nftables.flatMap(({ chain }) => {
    if (chain?.hook === undefined || !concerns(chain.family, asked) || !isForeign(chain.family, chain.table))
      return [];
    const refusals = rules
      .filter(({ family, table }) => family === chain.family && table === chain.table)
      .filter(({ chain: name }) => name === chain.name || !isBase(nftables, chain.family, chain.table, name))
      .flatMap(({ chain: name, handle, expr = [] }) => {
        if (!expr.some((part) => "drop" in part || "reject" in part)) return [];
        const counter = expr.find((part) => "counter" in part)?.["counter"] as
          | { packets?: number }
          | undefined;
        return [
          { chain: name, handle, ...(counter?.packets === undefined ? {} : { packets: counter.packets }) },
        ];
      });
    const policy = chain.policy ?? "accept";
    if (refusals.length === 0 && policy !== "drop") return [];
    return [
      { table: `${chain.family} ${chain.table}`, chain: chain.name, hook: chain.hook, policy, refusals },
    ];
  });
}

function isBase(all: Listing["nftables"], family: string, table: string, name: string): boolean {
  return all.some(
    ({ chain }) =>
      chain?.hook !== undefined && chain.family === family && chain.table === table && chain.name === name,
  );
}
