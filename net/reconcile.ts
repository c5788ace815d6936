import { type Chain, chainNames, ownChains, quoted, type Table } from "./chain.ts";

/** The kernel's chains that jump to ours. */
const builtIns: ReadonlySet<string> = new Set(["PREROUTING", "FORWARD", "OUTPUT", "POSTROUTING"]);

/** The chains of one table, each rule as its words after `-A CHAIN`. */
export type SavedTable = ReadonlyMap<string, readonly (readonly string[])[]>;

function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, inQuotes, plain]) => inQuotes?.replace(/\\(.)/g, "$1") ?? plain ?? "",
  );
}

/** Reads what iptables-save prints for one table; of several, those after `*table` lines up to the next. */
export function parseSaved(text: string, table?: Table): SavedTable {
  const chains = new Map<string, string[][]>();
  let inside = table === undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) inside = table === undefined || line === `*${table}`;
    if (!inside) continue;
    if (line.startsWith(":")) chains.set(line.slice(1).split(" ", 1)[0] ?? "", []);
    if (!line.startsWith("-A ")) continue;
    const [, chain = "", ...words] = wordsOf(line);
    chains.get(chain)?.push(words);
  }
  return chains;
}

const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.join("\0") === other.join("\0");

/**
 * Lines that make a chain hold exactly `desired`, leaving alone what is there already, so that counters survive and no
 * packet meets an empty chain. Deletions go by number, the last first.
 */
function editChain(
  name: string,
  actual: readonly (readonly string[])[],
  desired: readonly (readonly string[])[],
): string[] {
  let next = 0;
  const kept = new Set<number>();
  const deletions: string[] = [];
  actual.forEach((words, at) => {
    const found = desired.findIndex((wanted, index) => index >= next && same(wanted, words));
    if (found < 0) {
      deletions.unshift(`-D ${name} ${at + 1}`);
    } else {
      kept.add(found);
      next = found + 1;
    }
  });
  const insertions = desired.flatMap((words, at) =>
    kept.has(at) ? [] : [`-I ${name} ${at + 1} ${quoted(words)}`],
  );
  return [...deletions, ...insertions];
}

function targetOf(words: readonly string[]): string | undefined {
  const at = words.lastIndexOf("-j");
  return at < 0 ? undefined : words[at + 1];
}

/** Our rules of a built-in chain: by the chain that they jump to. Among others, only their order matters. */
function editBuiltIn(
  chain: string,
  actual: readonly (readonly string[])[],
  wanted: Chain | undefined,
  ours: ReadonlySet<string>,
): string[] {
  const places = actual.flatMap((words, at) => (ours.has(targetOf(words) ?? "") ? [{ words, at }] : []));
  const rules = wanted?.rules ?? [];
  const right =
    places.length === rules.length && places.every(({ words }, at) => same(words, rules[at]?.words ?? []));
  if (right) return [];
  return [
    ...places.reverse().map(({ at }) => `-D ${chain} ${at + 1}`),
    ...rules.map(({ words }, at) =>
      wanted?.kind === "built-in-top"
        ? `-I ${chain} ${at + 1} ${quoted(words)}`
        : `-A ${chain} ${quoted(words)}`,
    ),
  ];
}

/** What is to be done to the built-in chains that jump to ours, or shall. */
function editJumps(actual: SavedTable, chains: readonly Chain[], ours: ReadonlySet<string>): string[] {
  const jumping = new Map(
    chains.filter(({ kind }) => kind.startsWith("built-in")).map((chain) => [chain.name, chain]),
  );
  // Also those that are not to jump to us any more.
  const names = new Set([...jumping.keys(), ...actual.keys()].filter((name) => builtIns.has(name)));
  return [...names].flatMap((name) => editBuiltIn(name, actual.get(name) ?? [], jumping.get(name), ours));
}

/**
 * The lines for iptables-restore that turn a table into what is desired; none when it is so already. Chains of others are
 * never named; the user's chain is removed only when it is empty, and stays in force otherwise.
 */
export function reconcile(
  owner: string,
  table: Table,
  actual: SavedTable,
  chains: readonly Chain[],
): string[] {
  const mine = chains.filter((chain) => chain.table === table);
  const own = mine.filter(({ kind }) => kind === "own" || kind === "user");
  const wanted = new Map(own.map((chain) => [chain.name, chain]));
  const { user } = chainNames(owner);
  const known = ownChains(owner)[table];
  const unwanted = known.filter((name) => actual.has(name) && !wanted.has(name));
  const keptForUser = unwanted.includes(user) && (actual.get(user) ?? []).length > 0;
  const gone = unwanted.filter((name) => !(keptForUser && name === user));

  const made = known
    .filter((name) => wanted.has(name) && !actual.has(name))
    .map((name) => `:${name} - [0:0]`);
  const filled = known.flatMap((name) => {
    const chain = wanted.get(name);
    if (chain?.kind !== "own") return [];
    const rules = chain.rules.map(({ words }) => words);
    return editChain(name, actual.get(name) ?? [], rules);
  });
  // Left with its user's rules, the user's chain keeps its jump: only the jumps to what goes away are ours to remove.
  const jumps = new Set(keptForUser && wanted.size === 0 ? gone : known);
  const jumped = editJumps(actual, mine, jumps);
  // One of ours may jump to another: all are emptied before any is removed. Not the user's chain: if a rule came in
  // since we looked, its deletion fails, and rightly so.
  return [
    ...made,
    ...filled,
    ...jumped,
    ...gone.filter((name) => name !== user).map((name) => `-F ${name}`),
    ...gone.map((name) => `-X ${name}`),
  ];
}
