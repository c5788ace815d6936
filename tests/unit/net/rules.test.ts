import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quoted, type Table, tables } from "../../../net/chain.ts";
import type { Network } from "../../../net/network.ts";
import { parseSaved, reconcile } from "../../../net/reconcile.ts";
import { desiredChains } from "../../../net/rules.ts";

const plain: Network = {
  name: "bridge",
  owner: "mdocker",
  bridge: "mdocker0",
  subnet: "10.200.1.0/24",
  gateway: "10.200.1.1",
  internal: false,
  icc: true,
  masquerade: true,
};
const other: Network = {
  ...plain,
  name: "lab",
  bridge: "mdocker1",
  subnet: "10.200.2.0/24",
  gateway: "10.200.2.1",
};

function golden(...networks: Network[]): string {
  return desiredChains("mdocker", networks)
    .flatMap(({ table, name, kind, rules }) => [
      `${table} ${name} (${kind})`,
      ...rules.map(({ words }) => `  ${quoted(words)}`),
    ])
    .join("\n");
}

describe("the rules", () => {
  test("of the default network", () => {
    expect(golden(plain)).toMatchInlineSnapshot(`
      "raw MDOCKER-PREROUTING (own)
        -d 127.0.0.0/8 -i mdocker0 -m comment --comment mdocker:bridge -j DROP
      raw PREROUTING (built-in-top)
        -m comment --comment mdocker -j MDOCKER-PREROUTING
      filter MDOCKER (own)
      filter MDOCKER-USER (user)
      filter MDOCKER-FORWARD (own)
        -o mdocker0 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment mdocker:bridge -j ACCEPT
        -m comment --comment mdocker -j MDOCKER
        ! -i mdocker0 -o mdocker0 -m comment --comment mdocker:bridge -j DROP
        -i mdocker0 -m comment --comment mdocker:bridge -j ACCEPT
      filter FORWARD (built-in-top)
        -m comment --comment mdocker -j MDOCKER-USER
        -m comment --comment mdocker -j MDOCKER-FORWARD
      nat MDOCKER (own)
      nat MDOCKER-POSTROUTING (own)
        -s 10.200.1.0/24 ! -o mdocker0 -m comment --comment mdocker:bridge -j MASQUERADE
      nat PREROUTING (built-in-end)
        -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER
      nat OUTPUT (built-in-end)
        -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER
      nat POSTROUTING (built-in-end)
        -m comment --comment mdocker -j MDOCKER-POSTROUTING"
    `);
  });

  test("of a network without masquerade", () => {
    expect(golden({ ...plain, masquerade: false })).toMatchInlineSnapshot(`
      "raw MDOCKER-PREROUTING (own)
        -d 127.0.0.0/8 -i mdocker0 -m comment --comment mdocker:bridge -j DROP
      raw PREROUTING (built-in-top)
        -m comment --comment mdocker -j MDOCKER-PREROUTING
      filter MDOCKER (own)
      filter MDOCKER-USER (user)
      filter MDOCKER-FORWARD (own)
        -o mdocker0 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment mdocker:bridge -j ACCEPT
        -m comment --comment mdocker -j MDOCKER
        ! -i mdocker0 -o mdocker0 -m comment --comment mdocker:bridge -j DROP
        -i mdocker0 -m comment --comment mdocker:bridge -j ACCEPT
      filter FORWARD (built-in-top)
        -m comment --comment mdocker -j MDOCKER-USER
        -m comment --comment mdocker -j MDOCKER-FORWARD
      nat MDOCKER (own)
      nat MDOCKER-POSTROUTING (own)
      nat PREROUTING (built-in-end)
        -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER
      nat OUTPUT (built-in-end)
        -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER
      nat POSTROUTING (built-in-end)
        -m comment --comment mdocker -j MDOCKER-POSTROUTING"
    `);
  });

  test("of an internal network, which has no way out", () => {
    expect(golden({ ...plain, internal: true })).toMatchInlineSnapshot(`
      "filter MDOCKER-USER (user)
      filter MDOCKER-FORWARD (own)
        -o mdocker0 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment mdocker:bridge -j ACCEPT
        -i mdocker0 ! -o mdocker0 -m comment --comment mdocker:bridge -j DROP
        ! -i mdocker0 -o mdocker0 -m comment --comment mdocker:bridge -j DROP
        -i mdocker0 -m comment --comment mdocker:bridge -j ACCEPT
      filter FORWARD (built-in-top)
        -m comment --comment mdocker -j MDOCKER-USER
        -m comment --comment mdocker -j MDOCKER-FORWARD"
    `);
  });

  test("of a network whose containers may not talk to each other", () => {
    expect(golden({ ...plain, icc: false })).toMatchInlineSnapshot(`
      "raw MDOCKER-PREROUTING (own)
        -d 127.0.0.0/8 -i mdocker0 -m comment --comment mdocker:bridge -j DROP
      raw PREROUTING (built-in-top)
        -m comment --comment mdocker -j MDOCKER-PREROUTING
      filter MDOCKER (own)
      filter MDOCKER-USER (user)
      filter MDOCKER-FORWARD (own)
        -o mdocker0 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment mdocker:bridge -j ACCEPT
        -i mdocker0 -o mdocker0 -m comment --comment mdocker:bridge -j DROP
        -m comment --comment mdocker -j MDOCKER
        ! -i mdocker0 -o mdocker0 -m comment --comment mdocker:bridge -j DROP
        -i mdocker0 -m comment --comment mdocker:bridge -j ACCEPT
      filter FORWARD (built-in-top)
        -m comment --comment mdocker -j MDOCKER-USER
        -m comment --comment mdocker -j MDOCKER-FORWARD
      nat MDOCKER (own)
      nat MDOCKER-POSTROUTING (own)
        -s 10.200.1.0/24 ! -o mdocker0 -m comment --comment mdocker:bridge -j MASQUERADE
      nat PREROUTING (built-in-end)
        -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER
      nat OUTPUT (built-in-end)
        -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER
      nat POSTROUTING (built-in-end)
        -m comment --comment mdocker -j MDOCKER-POSTROUTING"
    `);
  });

  test("of two networks go in phases, so that what leaves one does not enter the other", () => {
    expect(golden(plain, other)).toMatchInlineSnapshot(`
      "raw MDOCKER-PREROUTING (own)
        -d 127.0.0.0/8 -i mdocker0 -m comment --comment mdocker:bridge -j DROP
        -d 127.0.0.0/8 -i mdocker1 -m comment --comment mdocker:lab -j DROP
      raw PREROUTING (built-in-top)
        -m comment --comment mdocker -j MDOCKER-PREROUTING
      filter MDOCKER (own)
      filter MDOCKER-USER (user)
      filter MDOCKER-FORWARD (own)
        -o mdocker0 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment mdocker:bridge -j ACCEPT
        -o mdocker1 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment mdocker:lab -j ACCEPT
        -m comment --comment mdocker -j MDOCKER
        ! -i mdocker0 -o mdocker0 -m comment --comment mdocker:bridge -j DROP
        ! -i mdocker1 -o mdocker1 -m comment --comment mdocker:lab -j DROP
        -i mdocker0 -m comment --comment mdocker:bridge -j ACCEPT
        -i mdocker1 -m comment --comment mdocker:lab -j ACCEPT
      filter FORWARD (built-in-top)
        -m comment --comment mdocker -j MDOCKER-USER
        -m comment --comment mdocker -j MDOCKER-FORWARD
      nat MDOCKER (own)
      nat MDOCKER-POSTROUTING (own)
        -s 10.200.1.0/24 ! -o mdocker0 -m comment --comment mdocker:bridge -j MASQUERADE
        -s 10.200.2.0/24 ! -o mdocker1 -m comment --comment mdocker:lab -j MASQUERADE
      nat PREROUTING (built-in-end)
        -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER
      nat OUTPUT (built-in-end)
        -m addrtype --dst-type LOCAL -m comment --comment mdocker -j MDOCKER
      nat POSTROUTING (built-in-end)
        -m comment --comment mdocker -j MDOCKER-POSTROUTING"
    `);
  });

  test("of no network are none", () => {
    expect(desiredChains("mdocker", [])).toEqual([]);
  });
});

/** iptables-restore --noflush on one table, as far as mdocker uses it; refuses what the real one refuses. */
class TableModel {
  readonly chains: Map<string, string[]>;
  constructor(text: string) {
    this.chains = new Map(
      [...parseSaved(text)].map(([name, rules]) => [name, rules.map((words) => quoted(words))]),
    );
  }
  text(): string {
    const names = [...this.chains.keys()].map((name) => `:${name} - [0:0]`);
    const rules = [...this.chains].flatMap(([name, list]) => list.map((rule) => `-A ${name} ${rule}`));
    return [...names, ...rules].join("\n");
  }
  restore(lines: readonly string[]): void {
    for (const line of lines) this.#apply(line);
  }
  #rules(name: string): string[] {
    const rules = this.chains.get(name);
    if (rules === undefined) throw new Error(`no chain ${name}`);
    return rules;
  }
  #apply(line: string): void {
    const [verb = "", name = "", ...rest] = line.split(" ");
    if (verb.startsWith(":")) {
      this.chains.set(verb.slice(1), []);
    } else if (verb === "-A") {
      this.#rules(name).push(rest.join(" "));
    } else if (verb === "-I") {
      const at = Number(rest[0]) - 1;
      if (!(at >= 0 && at <= this.#rules(name).length)) throw new Error(`index too big: ${line}`);
      this.#rules(name).splice(at, 0, rest.slice(1).join(" "));
    } else if (verb === "-D") {
      if (this.#rules(name).splice(Number(rest[0]) - 1, 1).length === 0) throw new Error(`no rule: ${line}`);
    } else if (verb === "-F") {
      this.#rules(name).length = 0;
    } else if (verb === "-X") {
      const used = [...this.chains.values()].flat().some((rule) => rule.endsWith(`-j ${name}`));
      if (used || this.#rules(name).length > 0) throw new Error(`chain in use: ${line}`);
      this.chains.delete(name);
    } else throw new Error(`unknown line ${line}`);
  }
}

function bring(model: TableModel, table: Table, networks: readonly Network[]): string[] {
  const lines = reconcile("mdocker", table, parseSaved(model.text()), desiredChains("mdocker", networks));
  model.restore(lines);
  return lines;
}

const builtIn: Record<Table, string> = {
  filter: ":INPUT ACCEPT [0:0]\n:FORWARD DROP [1:2]\n:OUTPUT ACCEPT [0:0]",
  nat: ":PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]",
  raw: ":PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]",
};
const foreign: Record<Table, string> = {
  filter: `${builtIn.filter}\n:DOCKER - [0:0]\n-A FORWARD -o docker0 -j DOCKER\n-A FORWARD -j REJECT --reject-with icmp-port-unreachable\n-A DOCKER -m comment --comment "a \\"quoted\\" one" -j DROP`,
  nat: `${builtIn.nat}\n-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE`,
  raw: `${builtIn.raw}\n-A PREROUTING -s 198.51.100.0/24 -j DROP`,
};

describe("bringing a table to its rules", () => {
  test("a second time changes nothing", () => {
    for (const table of tables) {
      const model = new TableModel(foreign[table]);
      expect(bring(model, table, [plain, other]).length).toBeGreaterThan(0);
      expect(bring(model, table, [plain, other])).toEqual([]);
    }
  });

  test("and back leaves the rules of others as they were", () => {
    for (const table of tables) {
      const model = new TableModel(foreign[table]);
      const before = model.text();
      bring(model, table, [plain]);
      expect(model.text()).not.toBe(before);
      bring(model, table, []);
      expect(model.text()).toBe(before);
    }
  });

  test("a network more inserts only its own rules, counters of the others survive", () => {
    const model = new TableModel(foreign.filter);
    bring(model, "filter", [plain]);
    const lines = bring(model, "filter", [plain, other]);
    expect(lines.every((line) => line.startsWith("-I MDOCKER-FORWARD ") && line.includes("mdocker1"))).toBe(
      true,
    );
    expect(lines).toHaveLength(3);
    expect(bring(model, "filter", [plain]).every((line) => line.startsWith("-D MDOCKER-FORWARD "))).toBe(
      true,
    );
  });

  test("puts the jumps above those that others have put before them, or among them", () => {
    const model = new TableModel(foreign.filter);
    bring(model, "filter", [plain]);
    expect(model.chains.get("FORWARD")?.slice(0, 2)).toEqual([
      "-m comment --comment mdocker -j MDOCKER-USER",
      "-m comment --comment mdocker -j MDOCKER-FORWARD",
    ]);
    model.restore(["-I FORWARD 1 -j LATER", "-I FORWARD 3 -j LATER"]);
    expect(bring(model, "filter", [plain])).toEqual([]);
  });

  test("never touches the user's chain, which outlives the networks if it has rules", () => {
    const model = new TableModel(foreign.filter);
    bring(model, "filter", [plain]);
    model.restore(["-A MDOCKER-USER -s 10.200.1.9 -j DROP"]);
    bring(model, "filter", [plain, other]);
    bring(model, "filter", []);
    expect(model.chains.get("MDOCKER-USER")).toEqual(["-s 10.200.1.9 -j DROP"]);
    expect(model.chains.get("FORWARD")?.[0]).toBe("-m comment --comment mdocker -j MDOCKER-USER");
    expect(model.chains.has("MDOCKER-FORWARD")).toBe(false);
    expect(bring(model, "filter", [])).toEqual([]);
    bring(model, "filter", [plain]);
    model.restore(["-F MDOCKER-USER"]);
    bring(model, "filter", []);
    expect(model.text()).toBe(new TableModel(foreign.filter).text());
  });

  test("converges from whatever others have done to it", () => {
    const damage = fc.oneof(
      fc.record({ flush: fc.constantFrom("MDOCKER-FORWARD", "FORWARD") }),
      fc.record({ remove: fc.nat(5) }),
      fc.record({ insert: fc.nat(5) }),
      fc.record({ double: fc.nat(5) }),
      fc.record({ swap: fc.nat(4) }),
      fc.record({ jump: fc.constantFrom("MDOCKER-USER", "MDOCKER-FORWARD") }),
    );
    fc.assert(
      fc.property(fc.array(damage, { maxLength: 12 }), (damages) => {
        const model = new TableModel(foreign.filter);
        bring(model, "filter", [plain, other]);
        const good = model.chains.get("MDOCKER-FORWARD")?.slice();
        const rules = model.chains.get("MDOCKER-FORWARD") ?? [];
        for (const it of damages) {
          if ("flush" in it) model.restore([`-F ${it.flush}`]);
          else if ("remove" in it) rules.splice(it.remove, 1);
          else if ("insert" in it) rules.splice(it.insert, 0, "-s 1.2.3.4 -j ACCEPT");
          else if ("double" in it) rules.push(...rules.slice(it.double, it.double + 1));
          else if ("swap" in it) rules.splice(it.swap, 2, ...rules.slice(it.swap, it.swap + 2).reverse());
          else model.restore([`-A FORWARD -j ${it.jump}`]);
        }
        bring(model, "filter", [plain, other]);
        expect(model.chains.get("MDOCKER-FORWARD")).toEqual(good);
        const jumps = (model.chains.get("FORWARD") ?? []).filter((rule) => rule.includes("-j MDOCKER"));
        expect(jumps).toEqual([
          "-m comment --comment mdocker -j MDOCKER-USER",
          "-m comment --comment mdocker -j MDOCKER-FORWARD",
        ]);
        expect(bring(model, "filter", [plain, other])).toEqual([]);
      }),
    );
  });
});
