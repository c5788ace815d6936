import type { Command } from "commander";
import type { Graph } from "../../container/graph/model.ts";
import { UsageError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { type Palette, palette } from "../colour.ts";
import { catchInterruption } from "../interruption.ts";
import { LiveScreen } from "../live-screen.ts";
import { print } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { isTerminal } from "../terminal.ts";
import { renderDot, renderMermaid } from "./graph-notation.ts";
import { renderGraph } from "./graph-text.ts";

interface GraphFlags {
  readonly format: string;
  readonly watch?: boolean;
}

const formats = ["text", "mermaid", "json", "dot"] as const;
type Format = (typeof formats)[number];

function formatOf(text: string): Format {
  const format = formats.find((one) => one === text);
  if (format === undefined) throw new UsageError(`--format: ${text}: expected ${formats.join(", ")}`);
  return format;
}

function render(graph: Graph, format: Format, width: number, colours: Palette): string {
  switch (format) {
    case "text":
      return renderGraph(graph, width, colours);
    case "mermaid":
      return renderMermaid(graph);
    case "dot":
      return renderDot(graph);
    case "json":
      return `${JSON.stringify(graph, null, 2)}\n`;
  }
}

/** Counters move all the time: they are drawn anew so often, in milliseconds. */
const pulse = 1000;
/** Changes come in swarms: so long they are waited for. */
const calm = 50;

/** What changes without anybody doing anything, and is no reason to print the map again into a file. */
function withoutCounters(graph: Graph): string {
  return JSON.stringify(graph, (key, value: unknown) => (key === "counters" ? undefined : value));
}

async function watch(instance: Instance, references: readonly string[], format: Format): Promise<void> {
  const { drawGraph } = await import("../../container/graph/graph.ts");
  const { watchChanges } = await import("../../../net/netlink/changes.ts");
  const live = format === "text" && (await isTerminal(1));
  const colours = palette(live, process.env);
  using interruption = catchInterruption();
  let changed: (() => void) | undefined;
  using _changes = watchChanges(() => changed?.());
  const screen = live ? new LiveScreen() : undefined;
  let last = "";
  try {
    for (;;) {
      const graph = await drawGraph(instance, references);
      if (screen !== undefined) screen.draw(render(graph, format, screen.columns, colours));
      else if (withoutCounters(graph) !== last) print(render(graph, format, 100, colours));
      last = withoutCounters(graph);
      const news = new Promise<void>((resolve) => {
        changed = resolve;
      });
      // A container that starts or ends changes links here; what happens inside of one is seen with the next pulse.
      if (!(await Promise.race([interruption.pause(pulse), news.then(() => true)]))) return;
      if (!(await interruption.pause(calm))) return;
    }
  } finally {
    screen?.close();
  }
}

/** Adds `network graph`. */
export function addGraph(network: Command): void {
  network
    .command("graph")
    .helpOption("--help", "show help")
    .summary("draw the live map of the networks")
    .description(
      "Draws what is connected to what, as the kernel has it now: links, bridges, containers and their interfaces with " +
        "addresses, counters, published ports, and what delays or loses packets.",
    )
    .argument("[network...]", "only these; default: all that are up or used")
    .option("--format <format>", "text, mermaid, json or dot", "text")
    .option("-w, --watch", "draw it again whenever something changes, until Ctrl-C")
    .action(async (references: readonly string[], flags: GraphFlags, command: Command) => {
      requireRoot("network graph");
      const format = formatOf(flags.format);
      const instance = instanceOf(command);
      if (flags.watch === true) {
        await watch(instance, references, format);
        return;
      }
      const { drawGraph } = await import("../../container/graph/graph.ts");
      const live = await isTerminal(1);
      const width = live ? process.stdout.columns || 80 : 100;
      print(render(await drawGraph(instance, references), format, width, palette(live, process.env)));
    });
}
