import { type Command, InvalidArgumentError } from "commander";
import type { ContainerRecord } from "../container/record.ts";
import { listContainers } from "../container/refresh.ts";
import { UsageError } from "../core/errors.ts";
import { describeAge } from "./age.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderTable } from "./table.ts";
import { renderTemplate } from "./template.ts";

interface PsOptions {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly format?: string;
  readonly filter?: readonly string[];
  readonly latest?: boolean;
}

/** A container as `ps` shows it; the fields of --format, named as docker names them. */
export interface PsRow {
  readonly ID: string;
  readonly Image: string;
  readonly Command: string;
  readonly CreatedAt: string;
  readonly RunningFor: string;
  readonly Status: string;
  readonly State: string;
  readonly Ports: string;
  readonly Names: string;
  readonly Networks: string;
  readonly Addresses: string;
  readonly Labels: string;
}

function status(record: ContainerRecord, now: number): string {
  const since = (time: string): string => describeAge(now - Date.parse(time));
  switch (record.state) {
    case "running":
      return `Up ${since(record.started ?? record.created)}`;
    case "paused":
      return `Up ${since(record.started ?? record.created)} (Paused)`;
    case "exited": {
      const { exit } = record;
      if (exit === undefined) return "Exited (unknown)";
      return `Exited (${exit.code}) ${since(exit.at)} ago${exit.oomKilled ? " (out of memory)" : ""}`;
    }
    case "creating":
      return "Creating";
    case "created":
    case "starting":
      return "Created";
    case "dead":
      return "Dead";
    default:
      return record.state satisfies never;
  }
}

function networks(record: ContainerRecord): string {
  const { network } = record;
  if (network.kind === "bridge") return network.attachments.map((attachment) => attachment.network).join(",");
  return network.kind === "container" ? `container:${network.container}` : network.kind;
}

/** What `ps` shows of a record; `now` in milliseconds since 1970. */
export function describeContainer(record: ContainerRecord, now: number, whole: boolean): PsRow {
  const command = record.command.join(" ").replaceAll(/\p{C}/gu, "?");
  const cut = !whole && command.length > 20 ? `${command.slice(0, 19)}…` : command;
  return {
    ID: whole ? record.id : record.id.slice(0, 12),
    Image: record.image,
    Command: `"${cut}"`,
    CreatedAt: record.created,
    RunningFor: `${describeAge(now - Date.parse(record.created))} ago`,
    Status: status(record, now),
    State: record.state,
    Ports: "",
    Names: record.name,
    Networks: networks(record),
    Addresses: record.endpoints.map(({ address }) => address).join(","),
    Labels: Object.entries(record.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
  };
}

const filters: Readonly<Record<string, (record: ContainerRecord, value: string) => boolean>> = {
  id: (record, value) => record.id.startsWith(value),
  name: (record, value) => record.name.includes(value),
  status: (record, value) => record.state === value,
  exited: (record, value) => record.state === "exited" && String(record.exit?.code) === value,
  ancestor: (record, value) => record.image === value || record.image.split(":")[0] === value,
  network: (record, value) => networks(record).split(",").includes(value),
  label: (record, value) => {
    const [name = "", wanted] = value.split(/=(.*)/s);
    const own = Object.hasOwn(record.labels, name) ? record.labels[name] : undefined;
    return own !== undefined && (wanted === undefined || own === wanted);
  },
};

/** The containers that pass: all keys, and of each key any value. @throws UsageError */
export function filterContainers(
  records: readonly ContainerRecord[],
  texts: readonly string[],
): ContainerRecord[] {
  const byKey = new Map<string, string[]>();
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    if (value === undefined || !Object.hasOwn(filters, key)) {
      throw new UsageError(
        `--filter: ${text}: expected KEY=VALUE with a key of ${Object.keys(filters).join(", ")}`,
      );
    }
    byKey.set(key, [...(byKey.get(key) ?? []), value]);
  }
  return records.filter((record) =>
    [...byKey].every(([key, values]) => values.some((value) => filters[key]?.(record, value) === true)),
  );
}

/** The rows as asked for: table, ids, a template for each, or JSON lines. @throws UsageError */
export function renderContainers(
  rows: readonly PsRow[],
  options: Pick<PsOptions, "quiet" | "format">,
): string {
  const { format } = options;
  if (options.quiet) return rows.map((row) => `${row.ID}\n`).join("");
  if (format === "json") return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  if (format !== undefined && format !== "table") {
    return rows.map((row) => `${renderTemplate(format.replace(/^table\s+/, ""), row)}\n`).join("");
  }
  return renderTable(
    ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "ADDRESS", "NAMES"],
    rows.map((row) => [row.ID, row.Image, row.Command, row.RunningFor, row.Status, row.Addresses, row.Names]),
  );
}

function appendFilter(value: string, before: readonly string[] | undefined): string[] {
  if (!value.includes("=")) throw new InvalidArgumentError("expected KEY=VALUE");
  return [...(before ?? []), value];
}

/** Adds `ps`. */
export function registerPs(program: Command): void {
  const command = program
    .command("ps")
    .summary("list containers")
    .description("Lists containers: those that run, or all of them with -a.")
    .helpOption("--help", "show help")
    .option("-a, --all", "also those that have ended")
    .option("-q, --quiet", "ids only")
    .option("-l, --latest", "the newest one, whatever its state")
    .option("--no-trunc", "whole ids and commands")
    .option("-f, --filter <key=value>", "id, name, status, exited, ancestor, network or label", appendFilter)
    .option("--format <template>", "table, json, or a template such as '{{.ID}} {{.Names}}'")
    .action((options: PsOptions) => {
      requireRoot("ps");
      const asked = options.filter ?? [];
      const all = options.all || options.latest || asked.some((text) => /^(status|exited)=/.test(text));
      const records = filterContainers(listContainers(instanceOf(command)), asked)
        .filter((record) => all || record.state === "running" || record.state === "paused")
        .slice(0, options.latest ? 1 : undefined);
      const rows = records.map((record) => describeContainer(record, Date.now(), !options.trunc));
      print(renderContainers(rows, options));
    });
}
