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
  launcher: "init as launcher and monitor, on the host",
  child: "the child in its new namespaces, pid 1 of the container",
  command: "the command's own process, up to its execve",
};

const kindWidth = 9;
const numberWidth = 4;
const timeWidth = 9;

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
    const text = action.text.replaceAll("\n", "\\n");
    const kind = colour(colours[action.kind], action.kind.padEnd(kindWidth));
    const head = `${heading}${dim(number)}${timeColumn}  ${kind}${text}`;
    return `${head}${this.#reason(action.reason, indent, text.length)}\n`;
  }

  /** On the same line, in a column of its own, where it fits; else below. */
  #reason(reason: string, indent: number, used: number): string {
    const { dim } = this.#palette;
    const column = Math.max(indent + 40, indent + used + 2);
    if (column + reason.length <= width) return `${" ".repeat(column - indent - used)}${dim(reason)}`;
    return wrap(reason, width - indent - 2)
      .map((line) => `\n${" ".repeat(indent + 2)}${dim(line)}`)
      .join("");
  }
}

/** Breaks text at blanks into lines of at most `columns`. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** The plan for people: numbered, grouped by who acts, each action with its reason. */
export function renderPlan(actions: readonly PerformedAction[], isTerminal: boolean): string {
  const renderer = new Renderer(palette(isTerminal, process.env), false);
  return actions.map((action) => renderer.render(action)).join("");
}

/** The plan for programs: an array of the actions. */
export function renderJson(actions: readonly PerformedAction[]): string {
  return `${JSON.stringify(actions, null, 2)}\n`;
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
