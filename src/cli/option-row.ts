import { type Command, Option } from "commander";
import { Flags, type Given } from "./flags.ts";

/** One option as data: declared to commander from here, and read by completion and man page from commander. */
interface OptionRow {
  /** As commander reads it: `-m, --memory <bytes>`. Without a value it is a switch, and takes `=true|false` too. */
  readonly flags: string;
  readonly about: string;
  readonly choices?: readonly string[];
  /** A switch that also has `--no-NAME`. */
  readonly negatable?: boolean;
}

/** Options of one topic, under one heading of the help text. */
export interface OptionTable {
  readonly heading: string;
  readonly rows: readonly OptionRow[];
}

const parts = /^(?:-(\w), )?(?:--([\w-]+), )?--([\w-]+)( )?/;

/** An option whose value is kept under the flag's own name, never in camel case. */
class NamedOption extends Option {
  readonly #key: string;
  constructor(flags: string, about: string, key: string) {
    super(flags, about);
    this.#key = key;
    // `--no-healthcheck` is a switch by itself, not the opposite of one: commander would have it on unless given.
    if (key.startsWith("no-")) this.negate = false;
  }
  override attributeName(): string {
    return this.#key;
  }
}

function append(value: string, before: unknown): string[] {
  return Array.isArray(before) ? [...(before as string[]), value] : [value];
}

/** docker's flag library reads `-m=64m` as `-m 64m`; no value of a flag with a short form begins with `=`. */
function appendShort(value: string, before: unknown): string[] {
  return append(value.startsWith("=") ? value.slice(1) : value, before);
}

/** Every name and letter that some word may stand for; more than there are does no harm. */
function mentioned(words: readonly string[]): Set<string> {
  const names = new Set<string>();
  for (const word of words) {
    if (word.startsWith("--")) {
      const name = word.slice(2).split("=", 1)[0] ?? "";
      names.add(name).add(name.replace(/^no-/, ""));
    } else if (word.startsWith("-")) {
      for (const letter of word.slice(1)) names.add(letter);
    }
  }
  return names;
}

/** `-t=false`, as one word: commander would take it apart. */
class ShortSpelling extends NamedOption {
  constructor(word: string, name: string) {
    super(`--${name}-by-letter=${word.slice(3)}`, "", name);
    this.short = word;
  }
}

/** `--rm=false`: commander knows no switches with values, so each spelling is declared as a switch of its own. */
function declareSpellings(
  command: Command,
  name: string,
  short: string | undefined,
  words: readonly string[],
): void {
  for (const word of new Set(words)) {
    if (short !== undefined && word.startsWith(`-${short}=`) && /^-\w=\w+$/.test(word)) {
      command.addOption(new ShortSpelling(word, name).preset(word.slice(3)).hideHelp());
      continue;
    }
    if (!word.startsWith(`--${name}=`) || !/^--[\w-]+=\w*$/.test(word)) continue;
    command.addOption(new NamedOption(word, "", name).preset(word.slice(name.length + 3)).hideHelp());
  }
}

function declareRow(command: Command, heading: string, row: OptionRow, words: readonly string[]): void {
  const [, short, , name = "", hasValue] = parts.exec(row.flags) ?? [];
  const option = new NamedOption(row.flags, row.about, name).helpGroup(heading);
  if (row.choices !== undefined) {
    option.argChoices = [...row.choices];
  }
  if (hasValue !== undefined) {
    command.addOption(option.argParser(short === undefined ? append : appendShort));
    return;
  }
  command.addOption(option);
  if (row.negatable) {
    command.addOption(new NamedOption(`--no-${name}`, `not --${name}`, name).helpGroup(heading));
  }
  declareSpellings(command, name, short, words);
}

/** How the options of a command are declared for one parse. */
export interface Declaration {
  readonly words: readonly string[];
  /** Also the options that `words` cannot mean: for help, and for the suggestion in an error. */
  readonly all: boolean;
}

/**
 * Declares the options of `tables`. A start pays for each declaration, so only those that a word may stand for are
 * made; a parse with them finds what a parse with all would find, or fails on an unknown option.
 */
export function declareOptions(
  command: Command,
  tables: readonly OptionTable[],
  { words, all }: Declaration = { words: [], all: true },
): void {
  // Help shows them all.
  const seen = all || words.includes("--help") ? undefined : mentioned(words);
  for (const { heading, rows } of tables) {
    for (const row of rows) {
      if (seen !== undefined) {
        const [, short = "", other = "", name = ""] = parts.exec(row.flags) ?? [];
        if (!seen.has(name) && !seen.has(short) && !seen.has(other)) continue;
      }
      declareRow(command, heading, row, words);
    }
  }
}

/** What commander found, as {@link Flags}. */
export function readFlags(command: Command): Flags {
  const values = new Map<string, Given[]>();
  for (const [name, value] of Object.entries(command.opts<Record<string, unknown>>())) {
    const texts: unknown[] = Array.isArray(value) ? value : [value];
    values.set(
      name,
      texts.map((text) => ({ value: String(text), from: `--${name}` })),
    );
  }
  return new Flags(values);
}
