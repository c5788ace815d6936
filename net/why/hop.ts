import type { FaultId } from "./faults.ts";

/** One thing that was looked at on the way of a packet, and what was found. */
export interface Hop {
  /** Where: a container's name, `host`, or both ends of a wire. */
  readonly at: string;
  /** What: `link eth0`, `route`, `firewall FORWARD`. */
  readonly what: string;
  /**
   * `suspect`: this may be why, which the probe decides. `note`: says something that is neither good nor bad.
   */
  readonly status: "pass" | "fail" | "suspect" | "note";
  /** What was seen there, in one line. */
  readonly seen: string;
  readonly fault?: FaultId | undefined;
  /** More that was seen, line by line. */
  readonly evidence?: readonly string[] | undefined;
  /** Commands that mend it, to be run one after the other. */
  readonly mend?: readonly string[] | undefined;
  /** It is on the way of the answer. */
  readonly back?: boolean | undefined;
}

/** What a fault says beside its name. */
export interface Trouble {
  readonly evidence?: readonly string[] | undefined;
  readonly mend?: readonly string[] | undefined;
}

type Place = Pick<Hop, "at" | "what">;

export function pass(place: Place, seen: string): Hop {
  return { ...place, status: "pass", seen };
}

export function note(place: Place, seen: string): Hop {
  return { ...place, status: "note", seen };
}

export function fail(place: Place, fault: FaultId, seen: string, trouble: Trouble = {}): Hop {
  return { ...place, status: "fail", fault, seen, ...trouble };
}

export function suspect(place: Place, fault: FaultId, seen: string, trouble: Trouble = {}): Hop {
  return { ...place, status: "suspect", fault, seen, ...trouble };
}
