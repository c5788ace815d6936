/** One thing that an experiment looks at: what the kernel's formula says, and what was seen. */
export interface Finding {
  readonly what: string;
  /** Undefined where only a bound is expected. */
  readonly expected?: number | undefined;
  readonly atMost?: number | undefined;
  readonly atLeast?: number | undefined;
  readonly measured: number;
  readonly unit: "%" | "ms" | "KiB" | "times" | "" | "processes";
  /** How far it may be from what is expected. */
  readonly tolerance?: number | undefined;
  /** Something else has been in the way: that it differs proves nothing. */
  readonly disturbed?: boolean | undefined;
  /** Where the expectation comes from: `1024 / (1024 + 512)`. */
  readonly formula: string;
}

/** A line of the plot. */
export interface Series {
  readonly label: string;
  readonly values: readonly number[];
  /** Where the formula has it. */
  readonly expected?: number | undefined;
}

/** Something that changes in time, as several lines. */
export interface Plot {
  readonly title: string;
  readonly unit: string;
  /** Seconds from the first value to the last. */
  readonly seconds: number;
  readonly series: readonly Series[];
}

/** What one attempt has brought. */
export interface Outcome {
  readonly findings: readonly Finding[];
  readonly plots: readonly Plot[];
  /** What this host cannot show, or what there is to know. */
  readonly notes: readonly string[];
}

/** `unsteady`: it differs, but not in each attempt, or something else was in the way. */
export type Verdict = "holds" | "differs" | "unsteady";

/** Whether a finding is as expected. */
export function holds({ expected, atMost, atLeast, measured, tolerance = 0 }: Finding): boolean {
  if (Number.isNaN(measured)) return false;
  if (expected !== undefined && Math.abs(measured - expected) > tolerance) return false;
  return (
    measured <= (atMost ?? Number.POSITIVE_INFINITY) && measured >= (atLeast ?? Number.NEGATIVE_INFINITY)
  );
}

/** The verdict on finding number `at` of the last of these attempts. */
export function verdictOn(attempts: readonly (readonly Finding[])[], at: number): Verdict {
  const last = attempts.at(-1)?.[at];
  if (last === undefined) throw new Error(`there is no finding ${at}`);
  if (holds(last)) return "holds";
  const different = attempts.some((findings) => {
    const one = findings[at];
    return one !== undefined && (one.disturbed === true || holds(one));
  });
  return different ? "unsteady" : "differs";
}

/** What `lab sched` ends with by all verdicts: 3 when the kernel did not do what a limit says, 4 when that is not sure. */
export function exitCodeOf(verdicts: readonly Verdict[]): number {
  if (verdicts.includes("differs")) return 3;
  return verdicts.includes("unsteady") ? 4 : 0;
}
