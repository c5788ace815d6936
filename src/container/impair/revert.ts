import { Cable, type Direction } from "../../../net/impair/cable.ts";
import type { LostMessage } from "../../../net/impair/lost.ts";
import { type ImpairmentChange, putBack } from "../../../net/impair/settings.ts";
import { monotonicMs } from "../../core/clock.ts";
import type { Instance } from "../../core/paths.ts";
import type { ContainerRecord } from "../record.ts";
import { findCable, initOf } from "./cables.ts";
import {
  type ImpairmentRecord,
  noteDown,
  noteLink,
  readImpairmentRecord,
  type Timed,
  writeImpairmentRecord,
} from "./timers.ts";

function revertLink(
  instance: Instance,
  record: ContainerRecord,
  ifname: string,
  due: readonly Timed[],
  lost: readonly LostMessage[] | undefined,
): void {
  using cable = new Cable(findCable(instance, record, { ifname }));
  const directions = new Set(due.flatMap(({ direction }) => direction ?? []));
  for (const direction of directions) revertDirection(cable, direction, due);
  for (const { key, before, direction } of due) {
    if (direction !== undefined) continue;
    if (key === "down") cable.setDown(before === true, lost);
    if (key === "mtu" && typeof before === "number") cable.setMtu(before);
  }
}

function changeOf(direction: Direction, due: readonly Timed[]): ImpairmentChange {
  return Object.fromEntries(
    due.filter((one) => one.direction === direction).map(({ key, before }) => [key, before]),
  );
}

function revertDirection(cable: Cable, direction: Direction, due: readonly Timed[]): void {
  cable.write(direction, putBack(cable.read(direction).impairment, changeOf(direction, due)));
}

/** The record with what a link is to be like then, should it have gone: made anew, it is not to have what is over. */
function noteReverted(record: ImpairmentRecord, ifname: string, all: readonly Timed[]): ImpairmentRecord {
  const due = all.filter((one) => one.ifname === ifname);
  const { queues = {}, mtu } = record.links?.[ifname] ?? {};
  const reverted = (["in", "out"] as const).map((direction) => [
    direction,
    putBack(queues[direction] ?? {}, changeOf(direction, due)),
  ]);
  const mtuBefore = due.find(({ key, direction }) => key === "mtu" && direction === undefined)?.before;
  const nowMtu = typeof mtuBefore === "number" ? mtuBefore : mtu;
  return noteLink(record, ifname, {
    queues: Object.fromEntries(reverted),
    mtu: nowMtu === record.mtus[ifname] ? undefined : nowMtu,
  });
}

/**
 * Puts back what a container's links were impaired with for a time that is over. The caller holds the lock. Never stops
 * early; what cannot be put back, because the link has gone or is somebody else's now, is given up. Returns the failures.
 */
export function revertDue(instance: Instance, container: ContainerRecord): readonly unknown[] {
  const record = readImpairmentRecord(instance, container.id, initOf(container));
  const now = monotonicMs();
  const due = record.timed.filter(({ until }) => until <= now);
  if (due.length === 0) return [];
  const failures: unknown[] = [];
  for (const ifname of new Set(due.map((one) => one.ifname))) {
    try {
      revertLink(
        instance,
        container,
        ifname,
        due.filter((one) => one.ifname === ifname),
        record.lost[ifname],
      );
    } catch (error) {
      failures.push(error);
    }
  }
  const unplugged = due.filter(({ key, direction }) => key === "down" && direction === undefined);
  const plugged = unplugged.reduce((it, { ifname, before }) => noteDown(it, ifname, before === true), record);
  const noted = due.reduce((it, { ifname }) => noteReverted(it, ifname, due), plugged);
  // Last: should we be killed before, it is done again.
  writeImpairmentRecord(instance, container.id, {
    ...noted,
    lost: Object.fromEntries(
      Object.entries(record.lost).filter(
        ([ifname]) => !due.some((one) => one.ifname === ifname && one.key === "down" && one.before === false),
      ),
    ),
    timed: record.timed.filter(({ until }) => until > now),
  });
  return failures;
}
