import type { ActionKind, Observer, PerformedAction } from "../core/explain.ts";
import { formatMillis } from "../core/units.ts";
import { type Palette, palette } from "./colour.ts";

/** Lines are made to fit this; a longer action keeps its own line, and only its reason is wrapped. */
const width = 110;

const colours: Readonly<Record<ActionKind, number>> = {
  syscall: 36,
  netlink: 32,
  cgroup: 33,
  iptables: 35,
  sysctl: 33,
  file: 34,
  process: 31,
};

type Actor = NonNullable<PerformedAction["by"]>;

const headings: Readonly<Record<Actor, string>> = {
  parent: "mdocker itself, on the host",
  launcher: "init as launcher, on the host, from posix_spawn on",
  child: "the child in its new namespaces, pid 1 of the container, from clone3 on",
  command: "the command's own process, up to its execve",
  monitor: "init as monitor, on the host, when the container has ended",
};

const kindWidth = 9;
const numberWidth = 4;
const timeWidth = 9;
/** Where reasons begin, counted from the action: in the first of these columns that is free. */
const reasonColumns = [40, 56, 72];

/** Renders actions one by one, as they happen: columns have a fixed width, and a heading marks each change of actor. */
class Renderer {
  readonly #palette: Palette;
  readonly #timed: boolean;
  #number = 0;
  #actor: Actor | undefined;

  constructor(colours: Palette, timed: boolean) {
    this.#palette = colours;
    this.#timed = timed;
  }

  render(action: PerformedAction): string {
    const { dim, bold, colour } = this.#palette;
    const actor = action.by ?? "parent";
    const heading = actor === this.#actor ? "" : `${this.#number > 0 ? "\n" : ""}${bold(headings[actor])}\n`;
    this.#actor = actor;
    this.#number += 1;
    const number = String(this.#number).padStart(numberWidth);
    const time = action.ms === undefined ? "" : formatMillis(action.ms);
    const timeColumn = this.#timed ? ` ${time.padStart(timeWidth)}` : "";
    const indent = numberWidth + (this.#timed ? timeWidth + 1 : 0) + 2 + kindWidth;
    const [first = "", ...more] = wrap(readable(action.text), width - indent);
    const kind = colour(colours[action.kind], action.kind.padEnd(kindWidth));
    const head = `${heading}${dim(number)}${timeColumn}  ${kind}${first}`;
    const rest = more.map((line) => `\n${" ".repeat(indent + 2)}${line}`).join("");
    const used = more.length === 0 ? first.length : width;
    return `${head}${rest}${this.#reason(action.reason, indent, used)}\n`;
  }

  /** On the same line, in a column of its own, where it fits; else below. */
  #reason(reason: string, indent: number, used: number): string {
    const { dim } = this.#palette;
    const column = indent + (reasonColumns.find((it) => used + 2 <= it) ?? width);
    if (column + reason.length <= width) return `${" ".repeat(column - indent - used)}${dim(reason)}`;
    return wrap(reason, width - indent - 4)
      .map((line) => `\n${" ".repeat(indent + 4)}${dim(line)}`)
      .join("");
  }
}

/** On one line, and ids as people know them; --json has them whole. */
function readable(text: string): string {
  return text.replaceAll("\n", "\\n").replaceAll(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, "$1…");
}

/** Breaks text after a blank, comma, colon or slash into lines that fit; lines after the first are two shorter. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let rest = text;
  for (let room = columns; rest.length > room; room = columns - 2) {
    const head = rest.slice(0, room + 1);
    const blank = head.lastIndexOf(" ");
    const mark = Math.max(...[",", ":", "/"].map((letter) => head.slice(0, room).lastIndexOf(letter))) + 1;
    // A blank breaks better than a path or a list, unless the line would be mostly empty.
    const at = blank > room / 2 ? blank : mark > room / 4 ? mark : room;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

/** The plan for people: numbered, grouped by who acts, each action with its reason. */
export function renderPlan(actions: readonly PerformedAction[], isTerminal: boolean): string {
  const renderer = new Renderer(palette(isTerminal, process.env), false);
  return actions.map((action) => renderer.render(action)).join("");
}

/** The plan for programs: an array of the actions, with these fields and no others; `ms` only of what was measured. */
export function renderJson(actions: readonly PerformedAction[]): string {
  const plain = actions.map(({ kind, by = "parent", text, reason, ms }) => ({ kind, by, text, reason, ms }));
  return `${JSON.stringify(plain, null, 2)}\n`;
}

export interface TracerOptions {
  readonly json: boolean;
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
}

/** Writes each action with its duration as soon as it was performed; as JSON, all of them at the end. */
export class Tracer {
  readonly #options: TracerOptions;
  readonly #renderer: Renderer;
  readonly #actions: PerformedAction[] = [];

  constructor(options: TracerOptions) {
    this.#options = options;
    this.#renderer = new Renderer(palette(options.isTerminal, process.env), true);
  }

  readonly observe: Observer = (action) => {
    if (this.#options.json) this.#actions.push(action);
    else this.#options.write(this.#renderer.render(action));
  };

  /** The container has ended, well or not. */
  finish(): void {
    if (this.#options.json) this.#options.write(renderJson(this.#actions));
  }
}
