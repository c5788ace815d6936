import { type Table, tables } from "../chain.ts";
import { chainChanges, type FirewallState } from "../firewall.ts";
import type { Changes, Iptables } from "../iptables.ts";
import type { Mend } from "./mend.ts";

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** What lines for iptables-restore say about one chain: what was missing from it, what was too much. */
function chainFaults(table: Table, lines: readonly string[]): string[] {
  const chains = new Map<string, { made: boolean; gone: boolean; more: number; less: number }>();
  for (const line of lines) {
    const [verb = "", name = ""] = line.startsWith(":")
      ? [":", line.slice(1).split(" ")[0]]
      : line.split(" ");
    const chain = chains.get(name) ?? { made: false, gone: false, more: 0, less: 0 };
    chains.set(name, {
      made: chain.made || verb === ":",
      gone: chain.gone || verb === "-X",
      more: chain.more + (verb === "-A" || verb === "-I" ? 1 : 0),
      less: chain.less + (verb === "-D" ? 1 : 0),
    });
  }
  return [...chains].flatMap(([name, { made, gone, more, less }]) => {
    if (gone) return [`chain ${name} of table ${table} was left over`];
    const rules = more === 0 ? "" : `, with ${plural(more, "rule")}`;
    if (made) return [`chain ${name} of table ${table} was missing${rules}`];
    const faults: string[] = [];
    if (more > 0)
      faults.push(
        `${plural(more, "rule")} of chain ${name} (${table}) ${more === 1 ? "was" : "were"} missing`,
      );
    if (less > more) faults.push(`${plural(less - more, "rule")} too many in chain ${name} (${table})`);
    return faults;
  });
}

/** What is to be done to the rules of one family; none when they are as they shall be. Runs iptables-save. */
export function ruleMends(iptables: Iptables, state: FirewallState): Mend[] {
  const changes: Changes = chainChanges(iptables, state).changes;
  const faults = tables.flatMap((table) => chainFaults(table, changes[table] ?? []));
  if (faults.length === 0) return [];
  const named = iptables.family === 4 ? faults : faults.map((fault) => `IPv6: ${fault}`);
  return [
    { key: `rules of IPv${iptables.family}`, faults: named, act: { kind: "rules", iptables, changes } },
  ];
}
