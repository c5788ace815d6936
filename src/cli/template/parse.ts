import { UsageError } from "../../core/errors.ts";
import { type Part, type Token, tokenize } from "./token.ts";

/** Something that has a value. `path`: the fields asked of it. */
export type Operand = { readonly path: readonly string[] } & (
  | { readonly kind: "literal"; readonly value: unknown }
  | { readonly kind: "dot" }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "group"; readonly pipe: Pipe }
);

/** Commands of which each gets the value of the one before as its last argument; `$name :=` keeps the value. */
export interface Pipe {
  readonly variables: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

/** A part that is printed if, with, or as often as its pipe says; else the other one. */
export interface BlockNode {
  readonly kind: "if" | "with" | "range";
  readonly pipe: Pipe;
  readonly source: string;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipe: Pipe; readonly source: string }
  | BlockNode
  | { readonly kind: "break" | "continue" };

type Action = Extract<Part, { kind: "action" }>;

const words: Readonly<Record<string, unknown>> = { true: true, false: false, nil: null };

/** Reads the tokens of one action. */
class Reader {
  #at = 0;
  readonly #tokens: readonly Token[];
  readonly #source: string;
  constructor({ tokens, source }: Action, from = 0) {
    this.#tokens = tokens;
    this.#source = source;
    this.#at = from;
  }

  fail(what: string): never {
    throw new UsageError(`--format: ${this.#source}: ${what}`);
  }

  #peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  #takes(kind: Token["kind"], text?: string): boolean {
    const token = this.#peek();
    if (token?.kind !== kind || (text !== undefined && token.text !== text)) return false;
    this.#at += 1;
    return true;
  }

  end(): void {
    const token = this.#peek();
    if (token !== undefined) this.fail(`unexpected ${JSON.stringify(token.text)}`);
  }

  /** `$a, $b :=` or `$a =`, if the pipe begins so. */
  #variables(): Pick<Pipe, "variables" | "declares"> {
    const variables: string[] = [];
    const start = this.#at;
    do {
      const token = this.#peek();
      if (token?.kind !== "variable") break;
      variables.push(token.text);
      this.#at += 1;
    } while (this.#takes("sign", ","));
    if (variables.length > 0 && this.#takes("sign", ":=")) return { variables, declares: true };
    if (variables.length > 0 && this.#takes("sign", "=")) return { variables, declares: false };
    this.#at = start;
    return { variables: [], declares: false };
  }

  pipe(): Pipe {
    const kept = this.#variables();
    const commands: (readonly Operand[])[] = [];
    do {
      const operands: Operand[] = [];
      for (let next = this.#peek(); next !== undefined && !this.#ends(next); next = this.#peek()) {
        operands.push(this.#operand());
      }
      if (operands.length === 0) this.fail("expected a value such as .Field");
      commands.push(operands);
    } while (this.#takes("sign", "|"));
    return { ...kept, commands };
  }

  #ends({ kind, text }: Token): boolean {
    return kind === "sign" && text !== "(";
  }

  /** Fields right behind a value, without a blank between. */
  #path(): string[] {
    const path: string[] = [];
    for (let next = this.#peek(); next?.kind === "field" && !next.apart; next = this.#peek()) {
      path.push(next.text);
      this.#at += 1;
    }
    return path;
  }

  #operand(): Operand {
    const token = this.#peek();
    this.#at += 1;
    switch (token?.kind) {
      case "string":
        return { kind: "literal", value: token.text, path: [] };
      case "number":
        return { kind: "literal", value: Number(token.text), path: [] };
      case "dot":
        return { kind: "dot", path: [] };
      case "field":
        return { kind: "dot", path: [token.text, ...this.#path()] };
      case "variable":
        return { kind: "variable", name: token.text, path: this.#path() };
      case "word":
        if (Object.hasOwn(words, token.text)) return { kind: "literal", value: words[token.text], path: [] };
        return { kind: "function", name: token.text, path: [] };
      case "sign": {
        const pipe = this.pipe();
        if (!this.#takes("sign", ")")) this.fail("expected )");
        return { kind: "group", pipe, path: this.#path() };
      }
      default:
        return this.fail("expected a value such as .Field");
    }
  }
}

/** Reads parts until the action that ends a block. */
class Blocks {
  readonly #parts: readonly Part[];
  #at = 0;
  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  /** @param within The action that opened the block; undefined at the top. */
  nodes(within: Action | undefined): { readonly nodes: Node[]; readonly last: Action | undefined } {
    const nodes: Node[] = [];
    for (;;) {
      const part = this.#parts[this.#at];
      this.#at += 1;
      if (part === undefined) {
        if (within !== undefined) throw new UsageError(`--format: ${within.source}: expected {{end}}`);
        return { nodes, last: undefined };
      }
      if (part.kind === "text") {
        nodes.push(part);
        continue;
      }
      const [first] = part.tokens;
      const word = first?.kind === "word" ? first.text : "";
      if (word === "end" || word === "else") {
        if (within === undefined)
          throw new UsageError(`--format: ${part.source}: no if, range or with before it`);
        return { nodes, last: part };
      }
      nodes.push(this.#node(part, word));
    }
  }

  #node(part: Action, word: string): Node {
    const { source } = part;
    if (word === "break" || word === "continue") return { kind: word };
    if (word === "if" || word === "with" || word === "range") return this.#block(part, word, 1);
    if (word === "define" || word === "template" || word === "block") {
      throw new UsageError(`--format: ${source}: ${word} is not supported`);
    }
    const reader = new Reader(part);
    const pipe = reader.pipe();
    reader.end();
    return { kind: "print", pipe, source };
  }

  #block(part: Action, kind: "if" | "with" | "range", from: number): Node {
    const reader = new Reader(part, from);
    const pipe = reader.pipe();
    reader.end();
    const { nodes: body, last } = this.nodes(part);
    return { kind, pipe, source: part.source, body, otherwise: this.#otherwise(part, last) };
  }

  /** What follows `{{else}}`, or `{{else if ...}}` with the same end. */
  #otherwise(part: Action, last: Action | undefined): Node[] {
    const [word, second] = last?.tokens ?? [];
    if (last === undefined || word?.text !== "else") return [];
    if (second?.text === "if" || second?.text === "with") return [this.#block(last, second.text, 2)];
    const { nodes, last: end } = this.nodes(part);
    if (end?.tokens[0]?.text === "else") throw new UsageError(`--format: ${end.source}: a second else`);
    return nodes;
  }
}

/** Parses a template of Go's text/template: actions, pipes, variables, if, with, range. @throws UsageError */
export function parseTemplate(source: string): Node[] {
  return new Blocks(tokenize(source)).nodes(undefined).nodes;
}
