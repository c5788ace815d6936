import type { Instance } from "../../src/core/paths.ts";
import type { Peers } from "./peers.ts";

/** One line of a result table. */
export interface Row {
  readonly label: string;
  /** Median where there were several; absent when it could not be measured. */
  readonly value?: number | undefined;
  readonly unit: "ms" | "Gbit/s" | "KiB" | "" | "MiB" | "/s";
  /** All single values, for the JSON file. */
  readonly samples?: readonly number[] | undefined;
  /** What the value means beside another: `2.0 x node -e 0`; with the bound it must keep, if there is one. */
  readonly ratio?: Ratio | undefined;
  readonly note?: string | undefined;
}

export interface Ratio {
  /** Empty: the bound is of the value itself. */
  readonly to: string;
  readonly value: number;
  readonly atMost?: number | undefined;
  readonly atLeast?: number | undefined;
}

/** What a bench works with: it runs inside a throw-away host. */
export interface BenchContext {
  readonly instance: Instance;
  /** bin/mdocker. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  readonly peers: Peers;
  /** A folder on a real filesystem that is removed afterwards. */
  readonly folder: string;
}

export interface Bench {
  readonly name: string;
  readonly title: string;
  readonly run: (context: BenchContext) => Promise<Row[]>;
}

/** Whether a ratio keeps its bounds; undefined when it has none. */
export function keepsBounds({ value, atMost, atLeast }: Ratio): boolean | undefined {
  if (atMost === undefined && atLeast === undefined) return undefined;
  return value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY);
}
