import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import { parseMoment } from "../core/moment.ts";
import { connectSupervisor } from "./client.ts";
import { eventText } from "./event-text.ts";
import { shown } from "./flags.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

interface EventsFlags {
  readonly since?: string;
  readonly until?: string;
  readonly filter?: readonly string[];
  readonly format?: string;
}

/** As the Docker Engine API wants them: `{"type":["container"]}`. @throws UsageError */
function filtersOf(texts: readonly string[]): string | undefined {
  if (texts.length === 0) return undefined;
  const filters: Record<string, string[]> = {};
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    if (value === undefined) throw new UsageError(`--filter: ${shown(text)}: expected KEY=VALUE`);
    filters[key] = [...(filters[key] ?? []), value];
  }
  return JSON.stringify(filters);
}

/** Seconds since 1970, with a fraction. */
function moment(text: string | undefined, what: string, now: number): string | undefined {
  return text === undefined ? undefined : (parseMoment(text, what, now) / 1000).toFixed(3);
}

/** Adds `events`. */
export function registerEvents(program: Command): void {
  const command = program
    .command("events")
    .summary("show what happens to containers")
    .description("Shows what happens, as it happens, until Ctrl-C or --until.")
    .helpOption("--help", "show help")
    .option(
      "--since <moment>",
      "also what is remembered since: a date, seconds since 1970, or 10m for ten minutes ago",
    )
    .option("--until <moment>", "end then")
    .option(
      "-f, --filter <key=value>",
      "container, event, image, label, type, ...",
      (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
    )
    .option("--format <template>", "json, or a template such as '{{.Action}} {{.Actor.ID}}'")
    .action(async ({ since, until, filter = [], format }: EventsFlags) => {
      requireRoot("events");
      const now = Date.now();
      const query = {
        since: moment(since, "--since", now),
        until: moment(until, "--until", now),
        filters: filtersOf(filter),
      };
      const client = await connectSupervisor(instanceOf(command));
      let text = "";
      for await (const part of await client.stream("GET", "/events", { query })) {
        const lines = (text + String(part)).split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) if (line !== "") print(`${eventText(line, format)}\n`);
      }
    });
}
