import type { Direction } from "../../../net/impair/cable.ts";
import { wordsOf } from "../../../net/impair/text.ts";
import { monotonicMs } from "../../core/clock.ts";
import { hasErrno, MdockerError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import type { ContainerRecord } from "../record.ts";
import { isLive } from "../refresh.ts";
import { cablesOf } from "./cables.ts";
import { type ImpairmentState, isImpaired, readImpairments } from "./impair.ts";

type DirectionDocument = Readonly<Record<string, string>>;

/** What is done to one interface, for programs: by direction, as the flags of `network impair` take it. */
export interface ImpairmentDocument {
  readonly down?: true;
  readonly mtu?: number;
  readonly out?: DirectionDocument;
  readonly in?: DirectionDocument;
  /** How long it lasts, of what was set for a time. */
  readonly for?: readonly {
    readonly direction?: Direction;
    readonly what: string;
    readonly seconds: number;
  }[];
}

/** Describes the impairments of one interface; absent is what is not done. */
export function impairmentDocument({ down, mtu, queues, timed }: ImpairmentState): ImpairmentDocument {
  const directions = (Object.entries(queues) as [Direction, NonNullable<(typeof queues)[Direction]>][])
    .map(([direction, { impairment, foreign }]): [Direction, DirectionDocument] => [
      direction,
      foreign === undefined ? wordsOf(impairment) : { foreign },
    ])
    .filter(([, words]) => Object.keys(words).length > 0);
  const now = monotonicMs();
  return {
    ...(down ? { down } : {}),
    ...(mtu === undefined ? {} : { mtu }),
    ...Object.fromEntries(directions),
    ...(timed.length === 0
      ? {}
      : {
          for: timed.map(({ direction, key, until }) => ({
            ...(direction === undefined ? {} : { direction }),
            what: key,
            seconds: Math.round(Math.max(0, until - now)) / 1000,
          })),
        }),
  };
}

/** The impairments of a container by interface; those that nothing is done to are left out. */
export function impairmentsOf(
  instance: Instance,
  record: ContainerRecord,
): Readonly<Record<string, ImpairmentDocument>> {
  if (record.network.kind !== "bridge" || !isLive(record) || record.init === undefined) return {};
  try {
    const states = cablesOf(instance, record).map((cable) => readImpairments(instance, { record, cable }));
    return Object.fromEntries(
      states.filter(isImpaired).map((state) => [state.ifname, impairmentDocument(state)]),
    );
  } catch (error) {
    // It, or one of its links, has just gone.
    if (error instanceof MdockerError || hasErrno(error, "ENOENT", "ESRCH")) return {};
    throw error;
  }
}
