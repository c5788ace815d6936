import type { Direction } from "../../../net/impair/cable.ts";
import type { LostMessage } from "../../../net/impair/lost.ts";
import type { Impairment, ImpairmentKey } from "../../../net/impair/settings.ts";
import { removeFile } from "../../../net/state.ts";
import { readTextIfAny, writeFileAtomic } from "../../core/atomic.ts";
import { join } from "../../core/join.ts";
import type { Instance } from "../../core/paths.ts";
import type { ProcessIdentity } from "../../sys/process.ts";
import { containerPaths } from "../store.ts";

/** One thing that is to be as it was before, at a time. */
export interface Timed {
  readonly ifname: string;
  readonly direction?: Direction | undefined;
  /** Of a direction a key of its impairment; of the link itself `down` or `mtu`. */
  readonly key: ImpairmentKey | "down" | "mtu";
  /** The value to put back; null: none. */
  readonly before: unknown;
  /** Milliseconds on the clock of `monotonicMs`, which all processes of a boot share. */
  readonly until: number;
}

/** How a link is impaired: what it is to be again, should it have to be made anew. */
export interface LinkImpairment {
  /** What is done to packets; a direction without anything is absent. */
  readonly queues: Readonly<Partial<Record<Direction, Impairment>>>;
  /** Of the container's end, where it was changed. */
  readonly mtu?: number | undefined;
}

/**
 * What the kernel cannot tell of a container's impairments: `impair.json` in its runtime directory. It goes when the run
 * is over.
 */
export interface ImpairmentRecord {
  /** The run that it is about: another one has other links. */
  readonly init: ProcessIdentity;
  /** What MTUs were before they were changed, by interface. */
  readonly mtus: Readonly<Record<string, number>>;
  /** The interfaces that are unplugged on purpose: they are not plugged in again by healing. */
  readonly down?: readonly string[] | undefined;
  /** What containers have lost by unplugged links, to be brought back, by interface. */
  readonly lost: Readonly<Record<string, readonly LostMessage[]>>;
  readonly timed: readonly Timed[];
  /** How the links are impaired, by interface. */
  readonly links?: Readonly<Record<string, LinkImpairment>> | undefined;
}

function recordPath(instance: Instance, id: string): string {
  return join(containerPaths(instance, id).run, "impair.json");
}

/** The record of a container's present run; an empty one when there is none. */
export function readImpairmentRecord(
  instance: Instance,
  id: string,
  init: ProcessIdentity,
): ImpairmentRecord {
  const text = readTextIfAny(recordPath(instance, id));
  const empty = { init, mtus: {}, lost: {}, timed: [] };
  if (text === undefined) return empty;
  const record = JSON.parse(text) as ImpairmentRecord;
  return record.init.pid === init.pid && record.init.startTime === init.startTime ? record : empty;
}

/** True when something is kept about a container's impairments: cheap. */
export function hasImpairmentRecord(instance: Instance, id: string): boolean {
  return readTextIfAny(recordPath(instance, id)) !== undefined;
}

/** Keeps a record; one that says nothing is removed. */
export function writeImpairmentRecord(instance: Instance, id: string, record: ImpairmentRecord): void {
  const path = recordPath(instance, id);
  const { timed, mtus, lost, down = [], links = {} } = record;
  const count = timed.length + down.length + [mtus, lost, links].flatMap((one) => Object.keys(one)).length;
  if (count === 0) removeFile(path);
  else writeFileAtomic(path, JSON.stringify(record));
}

/** The record with an interface noted as unplugged on purpose, or no longer. */
export function noteDown(record: ImpairmentRecord, ifname: string, down: boolean): ImpairmentRecord {
  const others = (record.down ?? []).filter((one) => one !== ifname);
  return { ...record, down: down ? [...others, ifname] : others };
}

/** The record with what is done to a link; where that is nothing, without it. */
export function noteLink(record: ImpairmentRecord, ifname: string, link: LinkImpairment): ImpairmentRecord {
  const { [ifname]: _, ...others } = record.links ?? {};
  const queues = Object.fromEntries(
    Object.entries(link.queues).filter(([, impairment]) => Object.keys(impairment).length > 0),
  );
  const nothing = Object.keys(queues).length === 0 && link.mtu === undefined;
  return { ...record, links: nothing ? others : { ...others, [ifname]: { ...link, queues } } };
}

/** True for the same thing of the same link. */
export function sameThing(
  one: Pick<Timed, "ifname" | "direction" | "key">,
  other: Pick<Timed, "ifname" | "direction" | "key">,
): boolean {
  return one.ifname === other.ifname && one.direction === other.direction && one.key === other.key;
}
