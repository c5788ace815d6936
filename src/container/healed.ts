import type { Mend } from "../../net/heal/mend.ts";

/** What is told of a thing that was mended, or is to be. */
export interface Healed {
  /** Name of the network; null for what all share. */
  readonly network: string | null;
  /** Name of the container, where it is its link. */
  readonly container: string | null;
  /** What was found, a line each. */
  readonly faults: readonly string[];
  /** How a user may mend what mdocker leaves to him. */
  readonly advice?: string;
}

/** What is told of a mend. */
export function healedOf({ network, container, faults, act }: Mend): Healed {
  const advice = act.kind === "none" ? { advice: act.advice } : {};
  return { network: network ?? null, container: container ?? null, faults, ...advice };
}
