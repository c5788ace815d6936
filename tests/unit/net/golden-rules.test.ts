import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Chain, type Family, quoted, tables } from "../../../net/chain.ts";
import { desiredChains } from "../../../net/rules.ts";
import { firewallPage } from "../../../scripts/docs/firewall.ts";
import { home } from "../../../src/core/home.ts";
import { type FirewallCase, firewallCases } from "../../harness/firewall-cases.ts";

const folder = join(home, "tests/golden/firewall");

/** As iptables-save prints it, without counters, and only what is ours. */
function saved(chains: readonly Chain[], family: Family): string {
  const program = family === 4 ? "iptables" : "ip6tables";
  return tables
    .map((table) => chains.filter((chain) => chain.table === table))
    .filter((inTable) => inTable.length > 0)
    .map((inTable) => {
      const own = inTable.filter(({ kind }) => kind === "own" || kind === "user");
      const lines = inTable.flatMap(({ name, rules }) =>
        rules.map(({ words }) => `-A ${name} ${quoted(words)}`),
      );
      return [`# ${program}`, `*${inTable[0]?.table}`, ...own.map(({ name }) => `:${name} -`), ...lines, ""];
    })
    .map((lines) => lines.join("\n"))
    .join("\n");
}

function golden({ networks, publications }: FirewallCase): string {
  return ([4, 6] as const)
    .map((family) => saved(desiredChains("mdocker", networks, publications, family), family))
    .filter((text) => text !== "")
    .join("\n");
}

describe("the rules of a combination are those of its golden file", () => {
  test("there are at least 60, each has a name of its own, and there is no file of another", () => {
    const names = firewallCases.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(60);
    expect(readdirSync(folder).sort()).toEqual(names.map((name) => `${name}.rules`).sort());
  });

  test.each(firewallCases)("$name", async (it) => {
    await expect(golden(it)).toMatchFileSnapshot(join(folder, `${it.name}.rules`));
  });
});

test("docs/firewall.md is what the rules say now: make docs", () => {
  expect(readFileSync(join(home, "docs/firewall.md"), "utf8")).toBe(firewallPage());
});
