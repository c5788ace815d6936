import { Cable, type Direction } from "../../../net/impair/cable.ts";
import type { LostMessage } from "../../../net/impair/lost.ts";
import {
  changed,
  differing,
  type Impairment,
  type ImpairmentChange,
  type ImpairmentKey,
} from "../../../net/impair/settings.ts";
import { monotonicMs } from "../../core/clock.ts";
import { messageOf, SetupError } from "../../core/errors.ts";
import { join } from "../../core/join.ts";
import { makeDirectories } from "../../core/make-directories.ts";
import type { Instance } from "../../core/paths.ts";
import { withLock } from "../../sys/flock.ts";
import type { ContainerRecord } from "../record.ts";
import { type ContainerCable, initOf } from "./cables.ts";
import { revertDue } from "./revert.ts";
import {
  type ImpairmentRecord,
  type LinkImpairment,
  noteDown,
  noteLink,
  readImpairmentRecord,
  sameThing,
  type Timed,
  writeImpairmentRecord,
} from "./timers.ts";

/** What is asked of a link; what is absent stays as it is. */
export interface ImpairmentWish {
  /** Takes everything away first: both directions, the MTU, and the plug goes in again. */
  readonly reset?: boolean | undefined;
  readonly change: Readonly<Partial<Record<Direction, ImpairmentChange>>>;
  readonly down?: boolean | undefined;
  readonly mtu?: number | undefined;
  /** After so many milliseconds all is as it was before. */
  readonly forMs?: number | undefined;
}

/** One interface of one container that is to be impaired. */
export interface ImpairmentTarget {
  readonly record: ContainerRecord;
  readonly cable: ContainerCable;
}

/** Held while impairments are read and changed: each change keeps what another has just set. */
export function withImpairments<T>(instance: Instance, act: () => T): T {
  makeDirectories(instance.state);
  return withLock(join(instance.state, "impair.lock"), act);
}

/** What was done, newest last, to be taken back. */
type Undo = () => void;

/**
 * Impairs links as asked, each keeping what is not named. When one of them fails, none has changed.
 * @throws UsageError for what makes no sense beside what is set, SetupError for what the kernel cannot do.
 */
export function impair(instance: Instance, targets: readonly ImpairmentTarget[], wish: ImpairmentWish): void {
  withImpairments(instance, () => {
    const undos: Undo[] = [];
    try {
      for (const target of targets) impairOne(instance, target, wish, undos);
    } catch (error) {
      const failures = undos.reverse().flatMap((undo) => {
        try {
          undo();
          return [];
        } catch (failure) {
          return [messageOf(failure)];
        }
      });
      if (failures.length === 0) throw error;
      throw new SetupError(`${messageOf(error)}; clean-up incomplete: ${failures.join("; ")}`, {
        cause: error,
      });
    }
  });
}

/** A difference that a wish makes to a link. */
interface Difference {
  readonly direction?: Direction | undefined;
  readonly key: Timed["key"];
  readonly before: unknown;
}

function impairOne(
  instance: Instance,
  { record: container, cable: address }: ImpairmentTarget,
  wish: ImpairmentWish,
  undos: Undo[],
): void {
  const { id } = container;
  const init = initOf(container);
  revertDue(instance, container);
  using cable = new Cable(address);
  const { ifname } = cable;
  const record = readImpairmentRecord(instance, id, init);
  const asked = Object.keys(wish.change) as Direction[];
  const directions = wish.reset === true ? cable.directions : asked;
  // Refused before anything is done, where the link has no such direction.
  for (const direction of asked) cable.read(direction);
  const queues = directions.map((direction) => {
    const before = cable.read(direction).impairment;
    const after = changed(wish.reset === true ? {} : before, wish.change[direction] ?? {});
    return { direction, before, after };
  });
  const lost = record.lost[ifname] ?? cable.losable;
  const link = linkDifference(cable, wish, record.mtus[ifname], lost);
  const differences: Difference[] = [
    ...queues.flatMap(({ direction, before, after }) =>
      differing(before, after).map((key) => ({ direction, key, before: before[key] ?? null })),
    ),
    ...link.map(({ key, before }) => ({ key, before })),
  ];
  const named = [
    ...asked.flatMap((direction) =>
      (Object.keys(wish.change[direction] ?? {}) as ImpairmentKey[]).map((key) => ({ direction, key })),
    ),
    ...(wish.down === undefined ? [] : [{ key: "down" as const }]),
    ...(wish.mtu === undefined ? [] : [{ key: "mtu" as const }]),
  ];
  const changedRecord = recordAfter(record, {
    ...{ ifname, wish, differences, named, lost },
    mtu: cable.state.mtu,
    queues: Object.fromEntries(queues.map(({ direction, after }) => [direction, after])),
  });
  undos.push(() => writeImpairmentRecord(instance, id, record));
  // Before anything is done: should we be killed, it is put back all the same.
  writeImpairmentRecord(instance, id, changedRecord);
  for (const { direction, before, after } of queues) {
    if (differing(before, after).length === 0) continue;
    cable.write(direction, after);
    undos.push(() => rewrite(address, (again) => again.write(direction, before)));
  }
  for (const { set, unset } of link) {
    set(cable);
    undos.push(() => rewrite(address, unset));
  }
  if (link.some(({ key, before }) => key === "down" && before === true))
    forgetLost(instance, id, changedRecord, ifname);
}

/** The plug is in again, and the container has back what it had lost. */
function forgetLost(instance: Instance, id: string, record: ImpairmentRecord, ifname: string): void {
  const { [ifname]: _, ...lost } = record.lost;
  writeImpairmentRecord(instance, id, { ...record, lost });
}

/** The cable that did it is closed by the time that it is taken back. */
function rewrite(address: ContainerCable, act: (cable: Cable) => void): void {
  using cable = new Cable(address);
  act(cable);
}

interface LinkDifference {
  readonly key: "down" | "mtu";
  readonly before: unknown;
  readonly set: (cable: Cable) => void;
  readonly unset: (cable: Cable) => void;
}

/** What changes of the link itself. @param original its MTU before it was ever changed, where it was. */
function linkDifference(
  cable: Cable,
  wish: ImpairmentWish,
  original: number | undefined,
  lost: readonly LostMessage[],
): LinkDifference[] {
  const { state } = cable;
  const down = wish.down ?? (wish.reset === true ? false : state.down);
  const mtu = wish.mtu ?? (wish.reset === true ? (original ?? state.mtu) : state.mtu);
  return [
    ...(mtu === state.mtu
      ? []
      : [
          {
            key: "mtu" as const,
            before: state.mtu,
            set: (it: Cable) => it.setMtu(mtu),
            unset: (it: Cable) => it.setMtu(state.mtu),
          },
        ]),
    ...(down === state.down
      ? []
      : [
          {
            key: "down" as const,
            before: state.down,
            set: (it: Cable) => it.setDown(down, lost),
            unset: (it: Cable) => it.setDown(state.down, lost),
          },
        ]),
  ];
}

interface Changes {
  readonly ifname: string;
  readonly wish: ImpairmentWish;
  readonly differences: readonly Difference[];
  readonly named: readonly Pick<Timed, "direction" | "key">[];
  readonly mtu: number;
  /** The directions that are impaired anew. */
  readonly queues: LinkImpairment["queues"];
  /** What the container loses, or has lost, by an unplugged link. */
  readonly lost: readonly LostMessage[];
}

/**
 * The record after a change. What is set for good is no longer to be put back; what is set for a time is to become what
 * it was before the first change for a time.
 */
function recordAfter(record: ImpairmentRecord, changes: Changes): ImpairmentRecord {
  const { ifname, wish, differences, named, mtu, queues, lost } = changes;
  const touched = [...differences, ...named].map(({ direction, key }) => ({ ifname, direction, key }));
  const kept = record.timed.filter(
    (one) =>
      !touched.some((other) => sameThing(one, other)) && !(wish.reset === true && one.ifname === ifname),
  );
  const { forMs } = wish;
  const until = forMs === undefined ? 0 : monotonicMs() + forMs;
  const pending = (direction: Direction | undefined, key: Timed["key"]): Timed | undefined =>
    record.timed.find((one) => sameThing(one, { ifname, direction, key }));
  const timed =
    forMs === undefined
      ? []
      : touched
          .filter((one, at) => touched.findIndex((other) => sameThing(one, other)) === at)
          .flatMap(({ direction, key }): Timed[] => {
            const earlier = pending(direction, key);
            const difference = differences.find((one) => one.direction === direction && one.key === key);
            // Named, but as it is already, and for good.
            if (earlier === undefined && difference === undefined) return [];
            const before = earlier === undefined ? difference?.before : earlier.before;
            return [{ ifname, direction, key, before, until }];
          });
  const mtus = { ...record.mtus };
  if (wish.mtu !== undefined) mtus[ifname] ??= mtu;
  else if (wish.reset === true && forMs === undefined) delete mtus[ifname];
  const losses = { ...record.lost };
  const unplugged = differences.find(({ key, direction }) => key === "down" && direction === undefined);
  if (unplugged?.before === false && lost.length > 0) losses[ifname] = lost;
  // Last of all it is brought back: should we be killed before, the next one does it.
  const before = wish.reset === true ? undefined : record.links?.[ifname];
  const after = noteLink({ ...record, mtus, lost: losses, timed: [...kept, ...timed] }, ifname, {
    queues: { ...before?.queues, ...queues },
    mtu: wish.mtu ?? before?.mtu,
  });
  const down = wish.down ?? (wish.reset === true ? false : undefined);
  return down === undefined ? after : noteDown(after, ifname, down);
}

/** What is done to one interface, as the kernel has it. */
export interface ImpairmentState {
  readonly ifname: string;
  readonly network: string | undefined;
  readonly down: boolean;
  /** Of the container's end, where it was changed. */
  readonly mtu: number | undefined;
  readonly queues: Readonly<Partial<Record<Direction, ReturnType<Cable["read"]>>>>;
  readonly timed: readonly Timed[];
}

/** Reads the impairments of one interface. @throws UsageError when it is not there. */
export function readImpairments(
  instance: Instance,
  { record: container, cable: address }: ImpairmentTarget,
): ImpairmentState {
  using cable = new Cable(address);
  const record = readImpairmentRecord(instance, container.id, initOf(container));
  const { down, mtu } = cable.state;
  const original = record.mtus[cable.ifname];
  return {
    ifname: cable.ifname,
    network: address.network,
    down,
    mtu: original === undefined || original === mtu ? undefined : mtu,
    queues: Object.fromEntries(cable.directions.map((direction) => [direction, cable.read(direction)])),
    timed: record.timed.filter(({ ifname }) => ifname === cable.ifname),
  };
}

/** True when anything is done to it. */
export function isImpaired({ down, mtu, queues }: ImpairmentState): boolean {
  const impaired = (it: { impairment: Impairment; foreign?: string | undefined } | undefined): boolean =>
    it !== undefined && (it.foreign !== undefined || Object.keys(it.impairment).length > 0);
  return down || mtu !== undefined || Object.values(queues).some(impaired);
}
