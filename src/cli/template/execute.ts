import { UsageError } from "../../core/errors.ts";
import { nearest } from "../../core/nearest.ts";
import { fieldOf, functions, holds } from "./functions.ts";
import type { BlockNode, Node, Operand, Pipe } from "./parse.ts";
import { showValue } from "./show.ts";

/** Variables of a block; those of the blocks around it are seen too. */
class Scope {
  readonly #outer: Scope | undefined;
  readonly #values = new Map<string, unknown>();
  constructor(outer?: Scope) {
    this.#outer = outer;
  }
  declare(name: string, value: unknown): void {
    this.#values.set(name, value);
  }
  #holder(name: string): Scope {
    if (this.#values.has(name)) return this;
    if (this.#outer === undefined) throw new UsageError(`undefined variable $${name}`);
    return this.#outer.#holder(name);
  }
  assign(name: string, value: unknown): void {
    this.#holder(name).#values.set(name, value);
  }
  get(name: string): unknown {
    return this.#holder(name).#values.get(name);
  }
}

/** What an action is evaluated with. `lenient`: a field that is not there is none, as a condition asks. */
interface Context {
  readonly dot: unknown;
  readonly scope: Scope;
  readonly lenient: boolean;
}

/** Leaves a range. */
class Jump extends Error {
  readonly kind: "break" | "continue";
  constructor(kind: "break" | "continue") {
    super(`{{${kind}}} is only for range`);
    this.kind = kind;
  }
}

function follow(
  value: unknown,
  path: readonly string[],
  args: readonly unknown[],
  lenient: boolean,
): unknown {
  let found = value;
  path.forEach((name, i) => {
    const next = fieldOf(found, name);
    if (next === undefined && !lenient) {
      const known = typeof found === "object" && found !== null ? Object.keys(found) : [];
      const fields = known.length === 0 ? "it has no fields" : `its fields are ${known.join(", ")}`;
      throw new UsageError(`no field ${name}; ${fields}`);
    }
    const last = i === path.length - 1;
    found = typeof next === "function" ? (next(...(last ? args : [])) as unknown) : next;
    if (last && args.length > 0 && typeof next !== "function")
      throw new UsageError(`${name} takes no arguments`);
  });
  return found;
}

/** The value of an operand; `args` are for a function or a field that is one. */
function evaluate(operand: Operand, args: readonly unknown[], context: Context): unknown {
  switch (operand.kind) {
    case "literal":
      if (args.length > 0) throw new UsageError(`${showValue(operand.value)} takes no arguments`);
      return operand.value;
    case "dot":
      return follow(context.dot, operand.path, args, context.lenient);
    case "variable":
      return follow(context.scope.get(operand.name), operand.path, args, context.lenient);
    case "group":
      return follow(run(operand.pipe, context), operand.path, args, context.lenient);
    case "function": {
      const known = functions.get(operand.name);
      if (known !== undefined) return known(...args);
      const near = nearest(operand.name, functions.keys());
      throw new UsageError(
        `no function ${operand.name}${near === undefined ? "" : `: did you mean ${near}?`}`,
      );
    }
    default:
      return operand satisfies never;
  }
}

/** The value of a pipe. */
function run(pipe: Pipe, context: Context): unknown {
  let value: unknown;
  pipe.commands.forEach(([first, ...others], i) => {
    if (first === undefined) return;
    const args = others.map((operand) => evaluate(operand, [], context));
    value = evaluate(first, i === 0 ? args : [...args, value], context);
  });
  return value;
}

function keep({ variables, declares }: Pipe, value: unknown, scope: Scope): void {
  for (const name of variables) {
    if (declares) scope.declare(name, value);
    else scope.assign(name, value);
  }
}

/** What a range goes over: key and value. */
function entriesOf(value: unknown): [unknown, unknown][] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map((item, i) => [i, item]);
  if (typeof value === "number") return Array.from({ length: Math.min(value, 1e6) }, (_, i) => [i, i]);
  if (typeof value === "object") return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  throw new UsageError(`range: expected a list or a map, got ${showValue(value)}`);
}

function range(node: BlockNode, context: Context): string {
  const entries = entriesOf(run(node.pipe, { ...context, lenient: true }));
  const [first, second] = node.pipe.variables;
  let text = "";
  for (const [key, value] of entries) {
    const scope = new Scope(context.scope);
    const bind = (name: string, bound: unknown): void => {
      if (node.pipe.declares) scope.declare(name, bound);
      else scope.assign(name, bound);
    };
    if (first !== undefined) bind(first, second === undefined ? value : key);
    if (second !== undefined) bind(second, value);
    const out = { text: "" };
    try {
      execute(node.body, { ...context, dot: value, scope }, out);
    } catch (error) {
      if (!(error instanceof Jump)) throw error;
      if (error.kind === "break") return text + out.text;
    }
    text += out.text;
  }
  return entries.length > 0 ? text : textOf(node.otherwise, { ...context, scope: new Scope(context.scope) });
}

function textOf(nodes: readonly Node[], context: Context): string {
  const out = { text: "" };
  execute(nodes, context, out);
  return out.text;
}

/** What one node prints, added to `out`, which keeps it when a jump leaves the block. */
function perform(node: Node, context: Context, out: { text: string }): void {
  switch (node.kind) {
    case "text":
      out.text += node.text;
      break;
    case "print": {
      const value = run(node.pipe, context);
      keep(node.pipe, value, context.scope);
      if (node.pipe.variables.length === 0) out.text += showValue(value);
      break;
    }
    case "break":
    case "continue":
      throw new Jump(node.kind);
    case "range":
      out.text += range(node, context);
      break;
    case "if":
    case "with": {
      const scope = new Scope(context.scope);
      const value = run(node.pipe, { ...context, lenient: true });
      keep(node.pipe, value, scope);
      const dot = node.kind === "with" && holds(value) ? value : context.dot;
      execute(holds(value) ? node.body : node.otherwise, { ...context, scope, dot }, out);
      break;
    }
    default:
      node satisfies never;
  }
}

function execute(nodes: readonly Node[], context: Context, out: { text: string }): void {
  for (const node of nodes) {
    try {
      perform(node, context, out);
    } catch (error) {
      // Where it went wrong is said once, by the innermost action.
      if (!(error instanceof UsageError) || error.message.startsWith("--format: ") || !("source" in node))
        throw error;
      throw new UsageError(`--format: ${node.source}: ${error.message}`, { cause: error });
    }
  }
}

/** What a parsed template prints of `value`. @throws UsageError naming the action that has no meaning for it. */
export function executeTemplate(nodes: readonly Node[], value: unknown): string {
  const scope = new Scope();
  scope.declare("", value);
  try {
    return textOf(nodes, { dot: value, scope, lenient: false });
  } catch (error) {
    if (error instanceof Jump) throw new UsageError(`--format: ${error.message}`);
    throw error;
  }
}
