import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../cgroup/host.ts";
import { livesAnywhere } from "../../cgroup/kill.ts";
import { listCgroups } from "../../cgroup/list.ts";
import { homesOf } from "../../cgroup/place.ts";
import { removeCgroup, removeParents } from "../../cgroup/remove.ts";
import { collectPublications } from "../../net/ports/publish.ts";
import { collectRemains } from "../../net/remains.ts";
import { networksFolder, readMarkers } from "../../net/state.ts";
import { removeNetwork } from "../../net/tear-down.ts";
import { removeLayers } from "../../overlay/prepare.ts";
import { collectImageGarbage } from "../../rootfs/image-garbage.ts";
import { writerOf } from "../core/atomic.ts";
import { hasErrno, messageOf } from "../core/errors.ts";
import type { Observer } from "../core/explain.ts";
import type { Instance } from "../core/paths.ts";
import { startTimeOf } from "../sys/process.ts";
import { collectStrayLinks } from "./heal.ts";
import { revertAllDue } from "./impair/due.ts";
import { collectOrphans, isAbandoned } from "./orphans.ts";
import type { ContainerRecord } from "./record.ts";
import { namesLivingProcess, UnreadableRecordError } from "./record-text.ts";
import { isLive } from "./refresh.ts";
import { removeTraces } from "./remove.ts";
import {
  containerPaths,
  listIds,
  listNames,
  listRemains,
  nameHolder,
  readRecord,
  readRecordText,
  releaseName,
  removeContainerFiles,
  removeRunDirectory,
  removeStrayName,
} from "./store.ts";
import { collectIds } from "./users/range.ts";
import { collectVolumes } from "./volumes.ts";

export interface GarbageOptions {
  /** Also take down networks that no container uses; they come back when one needs them. */
  readonly networks: boolean;
  readonly observer?: Observer | undefined;
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

/** Collects what was done, one line each, and what failed, without stopping at it. */
class Report {
  readonly lines: string[] = [];

  async attempt(what: string, act: () => void | Promise<void>): Promise<void> {
    try {
      await act();
      this.lines.push(`removed ${what}`);
    } catch (error) {
      this.lines.push(`could not remove ${what}: ${messageOf(error)}`);
    }
  }
}

/** True while a process lives of a container whose record does not tell which it has. */
function livesUnseen(instance: Instance, id: string): boolean {
  if (livesAnywhere(detectCgroups(), instance.prefix, id)) return true;
  return namesLivingProcess(readRecordText(instance, id) ?? "");
}

/** What is left of the containers. */
interface Kept {
  readonly records: ContainerRecord[];
  /** Ids of containers that live, with a record that cannot be read: nothing of theirs is touched. */
  readonly unseen: Set<string>;
}

async function collectContainers(instance: Instance, report: Report): Promise<Kept> {
  const kept: Kept = { records: [], unseen: new Set() };
  for (const id of [...listIds(instance), ...listRemains(instance)]) {
    let record: ContainerRecord | undefined;
    try {
      record = readRecord(instance, id);
    } catch (error) {
      if (!(error instanceof UnreadableRecordError)) throw error;
      if (livesUnseen(instance, id)) {
        kept.unseen.add(id);
        report.lines.push(`left alone, because a process of it lives: ${error.message}`);
        continue;
      }
      await report.attempt(`container ${id.slice(0, 12)} without a readable record`, () => {
        removeLayers(containerPaths(instance, id).directory);
        removeContainerFiles(instance, id);
      });
      continue;
    }
    // It appeared with a record: without one its removal was interrupted, or is going on at this moment.
    if (record === undefined) {
      removeRunDirectory(instance, id);
      continue;
    }
    const found = record;
    if (isAbandoned(found))
      await report.attempt(`container ${found.name} (${id.slice(0, 12)})`, () =>
        removeTraces(instance, found, { volumes: !found.keep }),
      );
    else kept.records.push(found);
  }
  return kept;
}

/** Whether a container is there that had not been looked at: one that has just been made. */
function appeared(instance: Instance, id: string): boolean {
  return readRecordText(instance, id) !== undefined;
}

async function collectFiles(instance: Instance, known: ReadonlySet<string>, report: Report): Promise<void> {
  const containers = join(instance.root, "containers");
  for (const entry of entries(containers)) {
    const maker = /^\.(\d+)-\d+$/.exec(entry)?.[1];
    if (maker === undefined || startTimeOf(Number(maker)) !== undefined) continue;
    await report.attempt(`unfinished ${join(containers, entry)}`, () =>
      rmSync(join(containers, entry), { recursive: true, force: true }),
    );
  }
  for (const name of listNames(instance)) {
    const id = nameHolder(instance, name);
    if (id !== undefined && (known.has(id) || appeared(instance, id))) continue;
    await report.attempt(`name ${name} of no container`, () =>
      id === undefined ? removeStrayName(instance, name) : releaseName(instance, name, id),
    );
  }
}

/** What processes that were killed while they wrote a file about networks have left beside it. */
async function collectTemporaries(instance: Instance, report: Report): Promise<void> {
  const networks = networksFolder(instance);
  for (const folder of [networks, ...entries(networks).map((name) => join(networks, name))]) {
    for (const entry of entries(folder)) {
      const writer = writerOf(entry);
      if (writer === undefined || startTimeOf(writer) !== undefined) continue;
      const path = join(folder, entry);
      await report.attempt(`unfinished ${path}`, () => rmSync(path, { force: true }));
    }
  }
}

async function collectCgroups(instance: Instance, { records, unseen }: Kept, report: Report): Promise<void> {
  const host = detectCgroups();
  const ended = new Set(records.filter((record) => !isLive(record)).map(({ id }) => id));
  const homes = homesOf(host, instance.prefix);
  for (const path of homes.flatMap((home) => listCgroups(host, home))) {
    const id = path.slice(path.lastIndexOf("/") + 1);
    if (!/^[0-9a-f]{64}$/.test(id)) continue;
    if (unseen.has(id) || (!ended.has(id) && appeared(instance, id))) continue;
    await report.attempt(`cgroup ${path}`, () => removeCgroup(host, path));
  }
  for (const home of homes) removeParents(host, `${home}/any`);
  if (host.driver !== "v2" || host.scope === undefined) return;
  const { endScope } = await import("../../cgroup/scope.ts");
  if (endScope(host.root)) report.lines.push("removed the scope of systemd's that no container was in");
}

/**
 * Removes what no living container owns: containers of interrupted runs, unfinished directories, names, cgroups, links,
 * leases, unfinished image layers, and with `networks` the networks that nobody uses. Touches nothing else, and may run
 * at any time, also twice at once. Returns a line for each thing.
 */
export async function collectGarbage(instance: Instance, options: GarbageOptions): Promise<string[]> {
  const report = new Report();
  const kept = await collectContainers(instance, report);
  const known = new Set([...kept.records.map(({ id }) => id), ...kept.unseen]);
  await collectFiles(instance, known, report);
  await collectTemporaries(instance, report);
  await collectOrphans(instance);
  for (const failure of revertAllDue(instance).failures)
    report.lines.push(`could not put back what a link was impaired with: ${messageOf(failure)}`);
  await collectCgroups(instance, kept, report);
  for (const id of collectPublications(instance))
    report.lines.push(`removed published ports of container ${id.slice(0, 12)}`);
  const { collectLevels } = await import("./selinux/claim.ts");
  report.lines.push(...collectLevels(instance, known));
  report.lines.push(...collectIds(instance), ...collectStrayLinks(instance));
  if (options.networks) {
    for (const { network } of readMarkers(instance)) {
      const what = `network ${network.name} from the kernel`;
      try {
        // False: some container has an address of it.
        if (await removeNetwork(instance, network, options.observer)) report.lines.push(`removed ${what}`);
      } catch (error) {
        report.lines.push(`could not remove ${what}: ${messageOf(error)}`);
      }
    }
  }
  report.lines.push(...collectRemains(instance, options.networks));
  // Nobody knows which layers those stand on.
  if (kept.unseen.size > 0) return report.lines;
  report.lines.push(...collectVolumes(instance));
  const inUse = kept.records.flatMap(({ layers }) => layers);
  report.lines.push(...collectImageGarbage(instance, inUse));
  return report.lines;
}
