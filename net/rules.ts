import type { PlannedAction } from "../src/core/explain.ts";
import type { Network } from "./network.ts";

export type Table = "filter" | "nat";

/** One rule: its words after `-A CHAIN`, in the order in which iptables-save prints them. */
interface Rule {
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

/** Names of an instance's chains. */
export function chainNames(owner: string): { user: string; forward: string; postrouting: string } {
  const prefix = owner.toUpperCase();
  return { user: `${prefix}-USER`, forward: `${prefix}-FORWARD`, postrouting: `${prefix}-POSTROUTING` };
}

function rule(words: string, comment: string, target: string, reason: string): Rule {
  const match = words === "" ? [] : words.split(" ");
  return { words: [...match, "-m", "comment", "--comment", comment, "-j", target], reason };
}

function forwardRules(networks: readonly Network[]): Rule[] {
  const of = (
    chosen: (network: Network) => boolean,
    make: (bridge: string) => readonly [words: string, target: string, reason: string],
  ): Rule[] =>
    networks.filter(chosen).map((network) => {
      const [words, target, reason] = make(network.bridge);
      return rule(words, `${network.owner}:${network.name}`, target, reason);
    });
  const all = () => true;
  // In phases over all networks, not network by network: what one lets out must not enter another.
  return [
    ...of(all, (bridge) => [
      `-o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED`,
      "ACCEPT",
      "answers to containers may come in",
    ]),
    ...of(
      ({ icc }) => !icc,
      (bridge) => [`-i ${bridge} -o ${bridge}`, "DROP", "containers may not talk to each other"],
    ),
    ...of(all, (bridge) => [
      `! -i ${bridge} -o ${bridge}`,
      "DROP",
      "nobody else reaches containers directly",
    ]),
    ...of(
      ({ internal }) => internal,
      (bridge) => [`-i ${bridge} ! -o ${bridge}`, "DROP", "an internal network has no way out"],
    ),
    ...of(all, (bridge) => [`-i ${bridge}`, "ACCEPT", "containers may talk to each other and go out"]),
  ];
}

function natRules(networks: readonly Network[]): Rule[] {
  return networks
    .filter(({ masquerade, internal }) => masquerade && !internal)
    .map(({ owner, name, subnet, bridge }) =>
      rule(
        `-s ${subnet} ! -o ${bridge}`,
        `${owner}:${name}`,
        "MASQUERADE",
        "outside, packets carry the host's address: nobody there knows a way to the subnet",
      ),
    );
}

/** The chains that these networks of one instance need; none for no network. */
export function desiredChains(owner: string, networks: readonly Network[]): Chain[] {
  if (networks.length === 0) return [];
  const { user, forward, postrouting } = chainNames(owner);
  const nat = natRules(networks);
  const filter: Chain[] = [
    { table: "filter", name: user, kind: "user", rules: [] },
    { table: "filter", name: forward, kind: "own", rules: forwardRules(networks) },
    {
      table: "filter",
      name: "FORWARD",
      kind: "built-in-top",
      rules: [
        rule("", owner, user, "the user's own rules come first; this chain is never touched"),
        rule("", owner, forward, "the rules of the networks, before the host's own would refuse"),
      ],
    },
  ];
  if (nat.length === 0) return filter;
  return [
    ...filter,
    { table: "nat", name: postrouting, kind: "own", rules: nat },
    {
      table: "nat",
      name: "POSTROUTING",
      kind: "built-in-end",
      rules: [rule("", owner, postrouting, "after the host's own rules, so that those win")],
    },
  ];
}

/** Words as iptables-restore and a shell read them. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => (/^[\w./,:!-]+$/.test(word) ? word : `"${word}"`)).join(" ");
}

/** The rules for people, as the iptables commands that would make them. */
export function describeChains(chains: readonly Chain[]): PlannedAction[] {
  return chains.flatMap(({ table, name, kind, rules }): PlannedAction[] => {
    const made =
      kind === "own" || kind === "user"
        ? [
            {
              text: `iptables -t ${table} -N ${name}`,
              reason: "own chains only: nothing of others is changed",
            },
          ]
        : [];
    const lines = rules.map((it, at) => {
      const verb = kind === "built-in-top" ? `-I ${name} ${at + 1}` : `-A ${name}`;
      return { text: `iptables -t ${table} ${verb} ${quoted(it.words)}`, reason: it.reason };
    });
    return [...made, ...lines].map((it) => ({ kind: "iptables", by: "parent", ...it }));
  });
}
