import type { PlannedAction } from "../src/core/explain.ts";

/** The tables that have rules of ours, in the order in which they are changed: what lets in comes last. */
export const tables = ["raw", "filter", "nat"] as const;
export type Table = (typeof tables)[number];

/** IPv4, by iptables, or IPv6, by ip6tables. */
export type Family = 4 | 6;

/** One rule: its words after `-A CHAIN`, in the order in which iptables-save prints them. */
export interface Rule {
  readonly words: readonly string[];
  readonly reason: string;
}

/**
 * What shall be in one chain. `own`: exactly these rules. `user`: whatever the user puts there. `built-in`: these rules
 * among others, at the top or at the end.
 */
export interface Chain {
  readonly table: Table;
  readonly name: string;
  readonly kind: "own" | "user" | "built-in-top" | "built-in-end";
  readonly rules: readonly Rule[];
}

/** Names of an instance's chains; `ports` is one in filter and another in nat. */
export interface ChainNames {
  readonly user: string;
  readonly forward: string;
  readonly ports: string;
  readonly postrouting: string;
  readonly prerouting: string;
}

/** Names of an instance's chains. */
export function chainNames(owner: string): ChainNames {
  const prefix = owner.toUpperCase();
  return {
    user: `${prefix}-USER`,
    forward: `${prefix}-FORWARD`,
    ports: prefix,
    postrouting: `${prefix}-POSTROUTING`,
    prerouting: `${prefix}-PREROUTING`,
  };
}

/** Our own chains by table, in the order in which they are made: none jumps to one that comes later. */
export function ownChains(owner: string): Readonly<Record<Table, readonly string[]>> {
  const { user, forward, ports, postrouting, prerouting } = chainNames(owner);
  return { raw: [prerouting], filter: [user, ports, forward], nat: [ports, postrouting] };
}

/** A rule with its comment, by which it is known to be ours. */
export function rule(words: string, comment: string, target: string, reason: string): Rule {
  const match = words === "" ? [] : words.split(" ");
  return { words: [...match, "-m", "comment", "--comment", comment, "-j", ...target.split(" ")], reason };
}

/** Words as iptables-restore and a shell read them. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => (/^[\w./,:!-]+$/.test(word) ? word : `"${word}"`)).join(" ");
}

/** The rules for people, as the iptables commands that would make them. */
export function describeChains(chains: readonly Chain[], family: Family = 4): PlannedAction[] {
  const program = family === 4 ? "iptables" : "ip6tables";
  return chains.flatMap(({ table, name, kind, rules }): PlannedAction[] => {
    const made =
      kind === "own" || kind === "user"
        ? [
            {
              text: `${program} -t ${table} -N ${name}`,
              reason: "own chains only: nothing of others is changed",
            },
          ]
        : [];
    const lines = rules.map((it, at) => {
      const verb = kind === "built-in-top" ? `-I ${name} ${at + 1}` : `-A ${name}`;
      return { text: `${program} -t ${table} ${verb} ${quoted(it.words)}`, reason: it.reason };
    });
    return [...made, ...lines].map((it) => ({ kind: "iptables", by: "parent", ...it }));
  });
}
