import type { FaultId } from "./faults.ts";
import type { Hop } from "./hop.ts";
import type { ProbeResult } from "./probe.ts";

/** What the whole comes to. */
export interface Verdict {
  /** `faulty`: the probe got through, and something on the way is wrong all the same. */
  readonly verdict: "reachable" | "faulty" | "unreachable";
  /** The first hop that fails. */
  readonly cause?: Hop | undefined;
  /** What else is to be said: where rules and probe disagree, which counters moved. */
  readonly remarks: readonly string[];
}

/** Weighs what the checks say against what happened to the probe. The probe decides, the checks explain. */
export function weigh(
  hops: readonly Hop[],
  tried: ProbeResult | undefined,
  unseen: { readonly fault: FaultId; readonly hop: Hop } | undefined,
): Verdict {
  const cause = hops.find(({ status }) => status === "fail");
  if (tried === undefined) {
    const verdict = cause === undefined ? "reachable" : "unreachable";
    return { verdict, cause, remarks: cause === undefined ? ["no probe was made: by the rules alone"] : [] };
  }
  const through = tried.outcome === "answered" || tried.open === true;
  if (cause !== undefined) {
    if (!through) return { verdict: "unreachable", cause, remarks: [] };
    const remark = "the probe got through all the same: the fault hurts only some packets, or only sometimes";
    return { verdict: "faulty", cause, remarks: [remark] };
  }
  if (through) return { verdict: "reachable", remarks: [] };
  const guess = hops.find(({ status }) => status === "suspect") ?? unseen?.hop;
  const remark =
    guess?.status === "suspect"
      ? "by the rules alone this could not be judged: the probe was lost, and nothing else explains it"
      : "every check passed, and the probe was lost all the same";
  return { verdict: "unreachable", cause: guess, remarks: [remark] };
}
