import { monotonicMs } from "../src/core/clock.ts";
import type { Observer } from "../src/core/explain.ts";
import type { Iptables } from "./iptables.ts";
import type { Network } from "./network.ts";
import { parseSaved, reconcile } from "./reconcile.ts";
import { type Chain, describeChains, desiredChains, type Table } from "./rules.ts";

const tables: readonly Table[] = ["filter", "nat"];

/**
 * Makes the instance's rules those of `networks`: compares, and applies only the difference, in one iptables-restore per
 * table. Heals what others have flushed; without networks nothing of ours is left.
 * @returns true when something had to be changed.
 */
export function applyChains(
  iptables: Iptables,
  owner: string,
  networks: readonly Network[],
  observer?: Observer,
): boolean {
  const chains = desiredChains(owner, networks);
  const changed = tables.map((table) => applyTable(iptables, owner, table, chains, observer));
  return changed.includes(true);
}

function applyTable(
  iptables: Iptables,
  owner: string,
  table: Table,
  chains: readonly Chain[],
  observer: Observer | undefined,
): boolean {
  const start = monotonicMs();
  const lines = reconcile(owner, table, parseSaved(iptables.save(table)), chains);
  if (lines.length > 0) iptables.restore(table, lines);
  if (observer === undefined) return lines.length > 0;
  const wanted = describeChains(chains.filter((chain) => chain.table === table));
  const actions =
    wanted.length > 0
      ? wanted
      : lines.map((line) => ({
          kind: "iptables" as const,
          text: `iptables -t ${table} ${line}`,
          reason: "no network needs it",
        }));
  // The whole table is one iptables-save and one iptables-restore: the time is told once.
  actions.forEach((action, at) => {
    observer(at === actions.length - 1 ? { ...action, ms: monotonicMs() - start } : action);
  });
  return lines.length > 0;
}
