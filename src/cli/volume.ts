import type { Command } from "commander";
import { volumeTest } from "../container/volume-filter.ts";
import {
  createVolume,
  findVolume,
  listVolumes,
  pruneVolumes,
  removeVolume,
  type Volume,
  volumeUsers,
} from "../container/volumes.ts";
import { MdockerError, messageOf, NotFoundError, UsageError } from "../core/errors.ts";
import { formatDecimalBytes } from "../core/units.ts";
import { confirm } from "./confirm.ts";
import { forEach } from "./each.ts";
import { print, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderRows } from "./rows.ts";
import { renderTemplate } from "./template.ts";

function append(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** `KEY=VALUE` words, the values of each key together. @throws UsageError for one without a key, or a value. */
function filtersOf(words: readonly string[] = []): Map<string, readonly string[]> {
  const filters = new Map<string, readonly string[]>();
  for (const word of words) {
    const [key = "", value] = word.split(/=(.*)/s);
    if (value === undefined) throw new UsageError(`--filter: ${word}: expected KEY=VALUE`);
    filters.set(key, [...(filters.get(key) ?? []), value]);
  }
  return filters;
}

interface CreateFlags {
  readonly driver: string;
  readonly label?: readonly string[];
  readonly opt?: readonly string[];
}

function addCreate(volume: Command): void {
  volume
    .command("create")
    .helpOption("--help", "show help")
    .description("make a volume, to be mounted with -v NAME:TARGET; one that exists stays as it is")
    .argument("[name]", "one is made up otherwise")
    .option("-d, --driver <driver>", "local", "local")
    .option("--label <key=value>", "for people and filters", append)
    .option("-o, --opt <key=value>", "none is known", append)
    .action((name: string | undefined, flags: CreateFlags, command: Command) => {
      requireRoot("volume create");
      if (flags.driver !== "local") throw new UsageError(`--driver: ${flags.driver}: expected local`);
      if (flags.opt !== undefined)
        throw new UsageError(
          `--opt: ${flags.opt[0]}: volumes are plain directories: mount what is special yourself`,
        );
      const labels = (flags.label ?? []).map((word): [string, string] => {
        const [key = "", value = ""] = word.split(/=(.*)/s);
        if (key === "") throw new UsageError(`--label: ${word}: expected KEY=VALUE`);
        return [key, value];
      });
      print(`${createVolume(instanceOf(command), name, Object.fromEntries(labels)).name}\n`);
    });
}

interface ListFlags {
  readonly quiet?: boolean;
  readonly filter?: readonly string[];
  readonly format?: string;
}

/** A volume as `ls` shows it; the fields of --format, named as docker names them. */
function row({ name, path, labels }: Volume, links: number): object {
  return {
    Driver: "local",
    Name: name,
    Scope: "local",
    Mountpoint: path,
    Links: String(links),
    Size: "N/A",
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    Label: (key: unknown) => labels[String(key)] ?? "",
  };
}

const headings = {
  Driver: "DRIVER",
  Name: "VOLUME NAME",
  Scope: "SCOPE",
  Mountpoint: "MOUNTPOINT",
  Links: "LINKS",
  Size: "SIZE",
  Labels: "LABELS",
};

function addList(volume: Command): void {
  volume
    .command("ls")
    .alias("list")
    .helpOption("--help", "show help")
    .description("list volumes")
    .option("-q, --quiet", "only the names")
    .option("-f, --filter <key=value>", "name, label, driver or dangling", append)
    .option("--format <template>", "table, json, or a template such as '{{.Name}} {{.Mountpoint}}'")
    .action((flags: ListFlags, command: Command) => {
      requireRoot("volume ls");
      const instance = instanceOf(command);
      const found = listVolumes(instance).filter(volumeTest(instance, filtersOf(flags.filter), "list"));
      if (flags.quiet) {
        print(found.map(({ name }) => `${name}\n`).join(""));
        return;
      }
      const users = volumeUsers(instance);
      const rows = found.map((one) => row(one, users.get(one.name)?.length ?? 0));
      print(renderRows(rows, flags.format, { columns: ["Driver", "Name"], headings }));
    });
}

/** One volume as `docker volume inspect` names its fields. */
function document({ name, created, labels, path }: Volume): object {
  return {
    CreatedAt: created,
    Driver: "local",
    Labels: labels,
    Mountpoint: path,
    Name: name,
    Options: null,
    Scope: "local",
  };
}

function addInspect(volume: Command): void {
  volume
    .command("inspect")
    .helpOption("--help", "show help")
    .description("show all that is known of volumes")
    .argument("<volume...>", "names")
    .option("-f, --format <template>", "json, or a template such as '{{.Mountpoint}}'")
    .action((names: readonly string[], { format }: { readonly format?: string }, command: Command) => {
      requireRoot("volume inspect");
      const found: object[] = [];
      for (const name of names) {
        try {
          found.push(document(findVolume(instanceOf(command), name)));
        } catch (error) {
          if (!(error instanceof MdockerError)) throw error;
          say(messageOf(error));
          process.exitCode = error.exitCode;
        }
      }
      if (format === undefined) print(`${JSON.stringify(found, null, 2)}\n`);
      else if (format === "json") print(`${JSON.stringify(found)}\n`);
      else print(found.map((one) => `${renderTemplate(format, one)}\n`).join(""));
    });
}

function addRemove(volume: Command): void {
  volume
    .command("rm")
    .alias("remove")
    .helpOption("--help", "show help")
    .description("remove volumes that no container has, with their files")
    .argument("<volume...>", "names")
    .option("-f, --force", "say nothing of those that do not exist")
    .action(
      async (names: readonly string[], { force = false }: { readonly force?: boolean }, command: Command) => {
        requireRoot("volume rm");
        await forEach(names, (name) => {
          try {
            removeVolume(instanceOf(command), name);
          } catch (error) {
            if (!force || !(error instanceof NotFoundError)) throw error;
          }
        });
      },
    );
}

interface PruneFlags {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly filter?: readonly string[];
}

function addPrune(volume: Command): void {
  volume
    .command("prune")
    .helpOption("--help", "show help")
    .description("remove the volumes without a name that no container has; asks first, unless forced")
    .option("-a, --all", "those with a name too")
    .option("-f, --force", "do not ask")
    .option("--filter <key=value>", "only those with (label=) or without (label!=) a label", append)
    .action(async ({ all = false, force = false, filter }: PruneFlags, command: Command) => {
      requireRoot("volume prune");
      const instance = instanceOf(command);
      const wanted = volumeTest(instance, filtersOf(filter), "prune");
      const which = all ? "all local volumes" : "anonymous local volumes";
      if (
        !force &&
        !(await confirm(`WARNING! This will remove ${which} not used by at least one container.\n`))
      )
        return;
      const { names, reclaimed, failures } = pruneVolumes(instance, all, wanted);
      if (names.length > 0) print(`Deleted Volumes:\n${names.map((name) => `${name}\n`).join("")}\n`);
      print(`Total reclaimed space: ${formatDecimalBytes(reclaimed)}\n`);
      for (const failure of failures) say(failure);
      if (failures.length > 0) process.exitCode = 2;
    });
}

/** Adds `volume`. */
export function registerVolume(program: Command): void {
  const volume = program
    .command("volume")
    .helpOption("--help", "show help")
    .summary("make, list, inspect and remove volumes")
    .description("Directories on the host that outlive the containers they are mounted in.");
  for (const add of [addCreate, addList, addInspect, addRemove, addPrune]) add(volume);
}
