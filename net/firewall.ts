import { monotonicMs } from "../src/core/clock.ts";
import type { Observer, PlannedAction } from "../src/core/explain.ts";
import { type Chain, describeChains, type Table, tables } from "./chain.ts";
import { type Changes, type Iptables, openIptables } from "./iptables.ts";
import type { Network } from "./network.ts";
import type { Publication } from "./ports/publication.ts";
import { parseSaved, reconcile } from "./reconcile.ts";
import { desiredChains } from "./rules.ts";

/** The programs that a network's rules need: ip6tables only for one with an IPv6 subnet. @throws SetupError */
export function openFirewall({ subnet6 }: Network): readonly Iptables[] {
  return subnet6 === undefined ? [openIptables(4)] : [openIptables(4), openIptables(6)];
}

/** What the rules of one instance shall be. */
export interface FirewallState {
  readonly owner: string;
  readonly networks: readonly Network[];
  /** In the order in which they were published. */
  readonly publications: readonly Publication[];
}

/** What the rules of one family shall be, and the lines that make them so: the difference alone, by one iptables-save. */
export function chainChanges(
  iptables: Iptables,
  { owner, networks, publications }: FirewallState,
): { readonly chains: readonly Chain[]; readonly changes: Changes } {
  const chains = desiredChains(owner, networks, publications, iptables.family);
  const saved = iptables.save();
  const changes: Partial<Record<Table, readonly string[]>> = {};
  for (const table of tables) changes[table] = reconcile(owner, table, parseSaved(saved, table), chains);
  return { chains, changes };
}

/**
 * Makes the instance's rules of one family those of `state`: compares, and applies only the difference, by one
 * iptables-save and at most one iptables-restore. Heals what others have flushed; without networks nothing of ours is left.
 * @returns true when something had to be changed.
 */
export function applyChains(iptables: Iptables, state: FirewallState, observer?: Observer): boolean {
  const start = monotonicMs();
  const { chains, changes } = chainChanges(iptables, state);
  const lines = tables.flatMap((table) => (changes[table] ?? []).map((line) => ({ table, line })));
  if (lines.length > 0) iptables.restore(changes);
  if (observer === undefined) return lines.length > 0;
  const wanted = describeChains(chains, iptables.family);
  const program = iptables.family === 4 ? "iptables" : "ip6tables";
  const actions =
    wanted.length > 0
      ? wanted
      : lines.map(
          ({ table, line }): PlannedAction => ({
            kind: "iptables",
            text: `${program} -t ${table} ${line}`,
            reason: "no network needs it",
            by: "parent",
          }),
        );
  // All of it is one iptables-save and one iptables-restore: the time is told once.
  actions.forEach((action, at) => {
    observer(at === actions.length - 1 ? { ...action, ms: monotonicMs() - start } : action);
  });
  return lines.length > 0;
}
