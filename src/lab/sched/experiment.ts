import type { Outcome } from "./finding.ts";
import type { Workbench } from "./workbench.ts";

/** A question to the kernel, and how it is put. */
export interface Experiment {
  readonly name: string;
  /** What is done, in one line. */
  readonly title: string;
  /** What the kernel promises, and what to learn from it. */
  readonly lesson: string;
  readonly attempt: (bench: Workbench) => Promise<Outcome>;
}

/** Per cent with one decimal: as precise as this is. */
export function percent(share: number): number {
  return Math.round(share * 1000) / 10;
}

/** Less than so much of a CPU for all together: others had the rest. */
export const undisturbed = 0.85;

/** The same where parts of what both had are compared: others take from both alike, until there is little to compare. */
export const enough = 0.3;
