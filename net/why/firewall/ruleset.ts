/** Which of the kernel's two packet filters a rule lives in. */
export type BackendName = "nft" | "legacy";

/** A rule as `iptables-save -c` prints it. */
export interface SavedRule {
  /** Its words after `-A CHAIN`. */
  readonly words: readonly string[];
  /** The same as it was printed. */
  readonly text: string;
  /** Place in its chain, from 1, as `iptables -L --line-numbers` counts. */
  readonly number: number;
  readonly packets: number;
}

/** A chain. Built-in ones have a policy. */
export interface SavedChain {
  readonly name: string;
  readonly policy?: string | undefined;
  /** Packets that met the policy. */
  readonly packets: number;
  readonly rules: readonly SavedRule[];
}

/** One table of one backend, in one network namespace. */
export interface SavedTable {
  readonly backend: BackendName;
  /** The program that shows and changes it: `iptables-nft`, `ip6tables-legacy`. */
  readonly program: string;
  readonly name: string;
  readonly chains: ReadonlyMap<string, SavedChain>;
}

/** The words of a printed rule: quotes and backslashes as iptables-save writes them. */
export function splitWords(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? "") : quoted.replaceAll(/\\(.)/g, "$1"),
  );
}

/** Reads what `iptables-save -c` has printed. Lines that say nothing of rules are passed over. */
export function parseRuleset(
  text: string,
  { backend, program }: Pick<SavedTable, "backend" | "program">,
): SavedTable[] {
  const tables: SavedTable[] = [];
  let chains = new Map<string, { name: string; policy?: string; packets: number; rules: SavedRule[] }>();
  for (const line of text.split("\n")) {
    const table = /^\*(\S+)/.exec(line)?.[1];
    if (table !== undefined) {
      chains = new Map();
      tables.push({ backend, program, name: table, chains });
      continue;
    }
    const chain = /^:(\S+) (\S+)(?: \[(\d+):\d+\])?/.exec(line);
    if (chain !== null) {
      const [, name = "", policy = "-", packets = "0"] = chain;
      chains.set(name, {
        name,
        ...(policy === "-" ? {} : { policy }),
        packets: Number(packets),
        rules: [],
      });
      continue;
    }
    const rule = /^(?:\[(\d+):\d+\] )?-A (\S+) ?(.*)$/.exec(line);
    if (rule === null) continue;
    const [, packets = "0", name = "", words = ""] = rule;
    const rules = chains.get(name)?.rules;
    rules?.push({
      words: splitWords(words),
      text: words,
      number: rules.length + 1,
      packets: Number(packets),
    });
  }
  return tables;
}
