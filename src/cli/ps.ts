import { type Command, InvalidArgumentError } from "commander";
import { filterContainers, filterKeys } from "../container/filter.ts";
import type { ContainerRecord } from "../container/record.ts";
import { listContainers } from "../container/refresh.ts";
import { type ContainerSize, measureContainers } from "../container/size.ts";
import { readSpec } from "../container/store.ts";
import { MdockerError, UsageError } from "../core/errors.ts";
import type { OciMount } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import { print, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { describeContainer, renderContainers } from "./ps-row.ts";

interface PsOptions {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly format?: string;
  readonly filter?: readonly string[];
  readonly latest?: boolean;
  readonly last?: number;
  readonly size?: boolean;
}

/** Of what is shown without -a. */
const shownStates: ReadonlySet<string> = new Set(["running", "paused", "restarting"]);

/** `--filter KEY=VALUE`s by key. @throws UsageError */
export function parseFilters(texts: readonly string[]): Map<string, string[]> {
  const byKey = new Map<string, string[]>();
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    if (value === undefined || !filterKeys.includes(key)) {
      throw new UsageError(`--filter: ${text}: expected KEY=VALUE with a key of ${filterKeys.join(", ")}`);
    }
    byKey.set(key, [...(byKey.get(key) ?? []), value]);
  }
  return byKey;
}

function mountsOf(instance: Instance, { id }: ContainerRecord): readonly OciMount[] {
  try {
    return readSpec(instance, id).mounts;
  } catch (error) {
    // One that is just being made has no document yet.
    if (error instanceof MdockerError) return [];
    throw error;
  }
}

/** The containers that are asked for, newest first. */
function choose(instance: Instance, options: PsOptions): ContainerRecord[] {
  const filters = parseFilters(options.filter ?? []);
  const last = options.latest ? 1 : options.last;
  const all = options.all || last !== undefined || filters.has("status") || filters.has("exited");
  return filterContainers(
    instance,
    listContainers(instance, (error) => say(error.message)),
    filters,
  )
    .filter(({ state }) => all || shownStates.has(state))
    .slice(0, last);
}

function list(instance: Instance, options: PsOptions): string {
  const records = choose(instance, options);
  const { format = "table" } = options;
  // What takes looking for is looked for only where it may be shown.
  const measured =
    options.size || /\bSize\b/i.test(format)
      ? measureContainers(instance, records)
      : new Map<string, ContainerSize>();
  const looksAtMounts = /json|mounts|localvolumes|\{\{\s*\.\s*\}\}/i.test(format);
  const rows = records.map((record) => {
    const mounts = looksAtMounts ? mountsOf(instance, record) : [];
    return describeContainer(record, Date.now(), !options.trunc, { size: measured.get(record.id), mounts });
  });
  return renderContainers(rows, options);
}

function appendFilter(value: string, before: readonly string[] | undefined): string[] {
  if (!value.includes("=")) throw new InvalidArgumentError("expected KEY=VALUE");
  return [...(before ?? []), value];
}

function parseCount(value: string): number | undefined {
  const count = /^-?\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(count)) throw new InvalidArgumentError("expected a number");
  // docker's -1: no limit was asked for.
  return count < 0 ? undefined : count;
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
    .option("-n, --last <count>", "so many of the newest, whatever their state", parseCount)
    .option("-s, --size", "what their files take, and that with the image's")
    .option("--no-trunc", "whole ids and commands")
    .option("-f, --filter <key=value>", filterKeys.join(", "), appendFilter)
    .option("--format <template>", "table, json, or a template such as 'table {{.ID}}\\t{{.Names}}'")
    .action((options: PsOptions) => {
      requireRoot("ps");
      print(list(instanceOf(command), options));
    });
}
