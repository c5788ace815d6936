import type { Instance } from "../../core/paths.ts";
import { isLive, listContainers } from "../refresh.ts";
import { withImpairments } from "./impair.ts";
import { revertDue } from "./revert.ts";
import { hasImpairmentRecord, readImpairmentRecord } from "./timers.ts";

/** What became of the impairments for a time of all containers. */
export interface DueImpairments {
  /** When the next is due, on the clock of `monotonicMs`; undefined when none is. */
  readonly next: number | undefined;
  readonly failures: readonly unknown[];
}

/** Puts back all that is due, of every container that runs. */
export function revertAllDue(instance: Instance): DueImpairments {
  const containers = listContainers(instance).filter(
    (record) => hasImpairmentRecord(instance, record.id) && isLive(record),
  );
  if (containers.length === 0) return { next: undefined, failures: [] };
  return withImpairments(instance, () => {
    const failures: unknown[] = [];
    const moments: number[] = [];
    for (const container of containers) {
      try {
        failures.push(...revertDue(instance, container));
        const { init } = container;
        if (init === undefined) continue;
        const { timed } = readImpairmentRecord(instance, container.id, init);
        moments.push(...timed.map(({ until }) => until));
      } catch (error) {
        failures.push(error);
      }
    }
    return { next: moments.length === 0 ? undefined : Math.min(...moments), failures };
  });
}
