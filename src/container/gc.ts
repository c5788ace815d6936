import { readdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../cgroup/host.ts";
import { listCgroups } from "../../cgroup/list.ts";
import { removeCgroup } from "../../cgroup/remove.ts";
import { readMarkers } from "../../net/state.ts";
import { removeNetwork } from "../../net/tear-down.ts";
import { collectImageGarbage } from "../../rootfs/image-garbage.ts";
import { hasErrno, messageOf } from "../core/errors.ts";
import type { Observer } from "../core/explain.ts";
import type { Instance } from "../core/paths.ts";
import { startTimeOf } from "../sys/process.ts";
import { collectOrphans, isAbandoned } from "./orphans.ts";
import type { ContainerRecord } from "./record.ts";
import { removeTraces } from "./remove.ts";
import { listIds, nameHolder, readRecord, removeContainerFiles } from "./store.ts";

export interface GarbageOptions {
  /** Also take down networks that no container uses; they come back when one needs them. */
  readonly networks: boolean;
  readonly observer?: Observer | undefined;
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
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

async function collectContainers(instance: Instance, report: Report): Promise<ContainerRecord[]> {
  const kept: ContainerRecord[] = [];
  for (const id of listIds(instance)) {
    let record: ContainerRecord | undefined;
    try {
      record = readRecord(instance, id);
    } catch {
      await report.attempt(`container ${id.slice(0, 12)} without a readable record`, () =>
        removeContainerFiles(instance, id),
      );
      continue;
    }
    // Without a record it is being removed at this moment: it appeared with one.
    if (record === undefined) continue;
    const found = record;
    if (isAbandoned(found))
      await report.attempt(`container ${found.name} (${id.slice(0, 12)})`, () =>
        removeTraces(instance, found),
      );
    else kept.push(found);
  }
  return kept;
}

async function collectFiles(instance: Instance, known: ReadonlySet<string>, report: Report): Promise<void> {
  const containers = join(instance.root, "containers");
  for (const entry of entries(containers)) {
    const maker = /^\.(\d+)-\d+$/.exec(entry)?.[1];
    if (maker === undefined || startTimeOf(Number(maker)) !== undefined) continue;
    await report.attempt(`unfinished ${join(containers, entry)}`, () =>
      rmSync(join(containers, entry), { recursive: true }),
    );
  }
  const names = join(instance.root, "names");
  for (const name of entries(names)) {
    const id = nameHolder(instance, name);
    if (id !== undefined && (known.has(id) || readRecord(instance, id) !== undefined)) continue;
    await report.attempt(`name ${name} of no container`, () => unlinkSync(join(names, name)));
  }
}

/**
 * Removes what no living container owns: containers of interrupted runs, unfinished directories, names, cgroups, links,
 * leases, unfinished image layers, and with `networks` the networks that nobody uses. Touches nothing else, and may run
 * at any time, also twice at once. Returns a line for each thing.
 */
export async function collectGarbage(instance: Instance, options: GarbageOptions): Promise<string[]> {
  const report = new Report();
  const kept = await collectContainers(instance, report);
  const known = new Set(kept.map(({ id }) => id));
  const isKnown = (id: string): boolean => known.has(id) || readRecord(instance, id) !== undefined;
  await collectFiles(instance, known, report);
  await collectOrphans(instance);
  const cgroups = detectCgroups();
  for (const path of listCgroups(cgroups, instance.prefix)) {
    const id = path.slice(path.lastIndexOf("/") + 1);
    if (!/^[0-9a-f]{64}$/.test(id) || isKnown(id)) continue;
    await report.attempt(`cgroup ${path}`, () => removeCgroup(cgroups, path));
  }
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
  const inUse = kept.flatMap(({ layers }) => layers);
  report.lines.push(...collectImageGarbage(instance, inUse));
  return report.lines;
}
