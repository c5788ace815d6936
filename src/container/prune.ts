import { messageOf, UsageError } from "../core/errors.ts";
import { parseMoment } from "../core/moment.ts";
import type { Instance } from "../core/paths.ts";
import { labelTest } from "./filter.ts";
import type { ContainerRecord } from "./record.ts";
import { listContainers } from "./refresh.ts";
import { removeContainer } from "./remove.ts";
import { measureContainers } from "./size.ts";

/** What a pruning has come to. */
export interface Pruned {
  readonly ids: readonly string[];
  /** Bytes that they had written. */
  readonly reclaimed: number;
  /** One line for each container that could not be removed. */
  readonly failures: readonly string[];
}

/**
 * Which containers docker's prune filters let pass: all have to. `now` in milliseconds since 1970.
 * @throws UsageError for another key than until, label and label!, and for a moment that is none.
 */
export function pruneTest(
  filters: ReadonlyMap<string, readonly string[]>,
  now: number,
): (record: ContainerRecord) => boolean {
  const tests = [...filters].flatMap(([key, values]) =>
    values.map((value): ((record: ContainerRecord) => boolean) => {
      switch (key) {
        case "until": {
          const until = parseMoment(value, "filter until", now);
          return ({ created }) => Date.parse(created) < until;
        }
        case "label":
          return labelTest(value);
        case "label!": {
          const has = labelTest(value);
          return (record) => !has(record);
        }
        default:
          throw new UsageError(`filter ${key}: expected until, label or label!`);
      }
    }),
  );
  return (record) => tests.every((passes) => passes(record));
}

/**
 * Removes the containers that have ended, or were never started, and that `wanted` says yes to. One that cannot be
 * removed does not keep the others.
 */
export async function pruneContainers(
  instance: Instance,
  wanted: (record: ContainerRecord) => boolean,
  remove: (record: ContainerRecord) => Promise<void> = (record) =>
    removeContainer(instance, record, { force: false, volumes: false }),
): Promise<Pruned> {
  const chosen = listContainers(instance).filter(
    (record) => ["created", "exited", "dead"].includes(record.state) && wanted(record),
  );
  const sizes = measureContainers(instance, chosen);
  const ids: string[] = [];
  const failures: string[] = [];
  let reclaimed = 0;
  for (const record of chosen) {
    try {
      await remove(record);
      ids.push(record.id);
      reclaimed += sizes.get(record.id)?.writable ?? 0;
    } catch (error) {
      failures.push(`container ${record.name}: ${messageOf(error)}`);
    }
  }
  return { ids, reclaimed, failures };
}
