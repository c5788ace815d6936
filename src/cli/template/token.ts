import { UsageError } from "../../core/errors.ts";

/** A piece of an action, and whether it stands apart from the piece before: `.a .b` are two values, `.a.b` is one. */
export interface Token {
  readonly kind: "string" | "number" | "field" | "dot" | "variable" | "word" | "sign";
  /** Without quotes, leading dot or `$`. */
  readonly text: string;
  readonly apart: boolean;
}

/** Text as it stands, or an action taken apart. `source` is for error messages. */
export type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly tokens: readonly Token[]; readonly source: string };

const patterns: readonly (readonly [Token["kind"], RegExp])[] = [
  ["string", /"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+'/y],
  ["number", /[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y],
  ["field", /\.\w+(?:-\w+)*/y],
  ["dot", /\./y],
  ["variable", /\$\w*/y],
  ["word", /[A-Za-z_]\w*/y],
  ["sign", /:=|[=,|()]/y],
];

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

/** A string of Go: escapes in double quotes, none in backquotes, one character's number in single ones. */
function unquote(text: string): string {
  const inside = text.slice(1, -1);
  if (text.startsWith("`")) return inside;
  return inside.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs,
    (whole, x?: string, u?: string, long?: string, octal?: string, one = "") => {
      const hex = x ?? u ?? long;
      const code = hex === undefined ? octal && Number.parseInt(octal, 8) : Number.parseInt(hex, 16);
      if (typeof code === "number") return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
      return escapes[one] ?? one;
    },
  );
}

/** The token at `at`, or undefined. */
function tokenAt(source: string, at: number, apart: boolean): { token: Token; end: number } | undefined {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0];
    if (found === undefined) continue;
    const end = at + found.length;
    if (found.startsWith("'")) {
      return { token: { kind: "number", text: String(unquote(found).codePointAt(0) ?? 0), apart }, end };
    }
    const text =
      kind === "string" ? unquote(found) : kind === "field" || kind === "variable" ? found.slice(1) : found;
    return { token: { kind, text, apart }, end };
  }
  return undefined;
}

/** The action that begins at `open` (`{{`). `trims`: `-}}`, blanks after it go. */
function action(source: string, open: number): { part: Part; end: number; trims: boolean } {
  const tokens: Token[] = [];
  const fail = (what: string): never => {
    const shown = source.slice(open, open + 60);
    throw new UsageError(`--format: ${shown}: ${what}`);
  };
  let at = open + (/^-\s/.test(source.slice(open + 2, open + 4)) ? 3 : 2);
  const comment = /\s*\/\*[\s\S]*?\*\/\s*/y;
  comment.lastIndex = at;
  if (comment.test(source)) at = comment.lastIndex;
  for (;;) {
    const blank = /\s*/y;
    blank.lastIndex = at;
    blank.test(source);
    const apart = blank.lastIndex > at || tokens.length === 0;
    at = blank.lastIndex;
    const trims = source.startsWith("-}}", at);
    if (trims || source.startsWith("}}", at)) {
      const end = at + (trims ? 3 : 2);
      return { part: { kind: "action", tokens, source: source.slice(open, end) }, end, trims };
    }
    if (at >= source.length) return fail("expected }} at the end");
    const found = tokenAt(source, at, apart) ?? fail(`unexpected ${JSON.stringify(source[at])}`);
    tokens.push(found.token);
    at = found.end;
  }
}

/** Takes a template apart; `\t` and `\n` outside of actions are what they stand for, as in docker. @throws UsageError */
export function tokenize(source: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  let trims = false;
  while (at < source.length) {
    const open = source.indexOf("{{", at);
    const until = open < 0 ? source.length : open;
    let text = source.slice(at, until).replaceAll("\\t", "\t").replaceAll("\\n", "\n");
    if (trims) text = text.trimStart();
    if (open >= 0 && /^\{\{-\s/.test(source.slice(open, open + 4))) text = text.trimEnd();
    if (text !== "") parts.push({ kind: "text", text });
    if (open < 0) break;
    const found = action(source, open);
    // A comment alone is nothing; an action without anything is a mistake.
    const isComment =
      found.part.kind === "action" && found.part.tokens.length === 0 && found.part.source.includes("/*");
    if (!isComment) parts.push(found.part);
    at = found.end;
    trims = found.trims;
  }
  return parts;
}
