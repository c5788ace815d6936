import type { Command } from "commander";
import { pruneContainers, pruneTest } from "../container/prune.ts";
import { UsageError } from "../core/errors.ts";
import { formatDecimalBytes } from "../core/units.ts";
import { confirm } from "./confirm.ts";
import { shown } from "./flags.ts";
import { keepersOf } from "./keeper.ts";
import { print, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { removeBy } from "./remove-by.ts";

interface PruneFlags {
  readonly force?: boolean;
  readonly filter?: readonly string[];
}

/** The filters by key. @throws UsageError */
function filtersOf(texts: readonly string[]): Map<string, readonly string[]> {
  const filters = new Map<string, readonly string[]>();
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    if (value === undefined) throw new UsageError(`--filter: ${shown(text)}: expected KEY=VALUE`);
    filters.set(key, [...(filters.get(key) ?? []), value]);
  }
  return filters;
}

const warning = "WARNING! This will remove all stopped containers.\n";

/** Adds `prune`. */
export function registerPrune(program: Command): void {
  const command = program
    .command("prune")
    .summary("remove all containers that have ended")
    .description(
      "Removes all containers that have ended, or were never started, with what they have written. Asks first, unless " +
        "forced.",
    )
    .helpOption("--help", "show help")
    .option("-f, --force", "do not ask")
    .option(
      "--filter <key=value>",
      "only those created before until=MOMENT, or with (label=) or without (label!=) a label",
      (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
    )
    .action(async ({ force = false, filter = [] }: PruneFlags) => {
      requireRoot("prune");
      const wanted = pruneTest(filtersOf(filter), Date.now());
      if (!force && !(await confirm(warning))) return;
      const instance = instanceOf(command);
      const keepers = keepersOf(instance);
      const { ids, reclaimed, failures } = await pruneContainers(instance, wanted, (record) =>
        removeBy(instance, keepers, record, { force: false, volumes: false }),
      );
      if (ids.length > 0) print(`Deleted Containers:\n${ids.map((id) => `${id}\n`).join("")}\n`);
      print(`Total reclaimed space: ${formatDecimalBytes(reclaimed)}\n`);
      for (const failure of failures) say(failure);
      if (failures.length > 0) process.exitCode = 2;
    });
}
