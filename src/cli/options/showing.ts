import { UsageError } from "../../core/errors.ts";
import { type Flags, refuseBoth } from "../flags.ts";
import type { OptionTable } from "../option-row.ts";

export const showingOptions: OptionTable = {
  heading: "Seeing what happens:",
  rows: [
    { flags: "--explain", about: "print the whole plan with reasons, and do nothing" },
    { flags: "--trace-setup", about: "do it, and print the same list with durations on stderr" },
    { flags: "--json", about: "either of them as JSON" },
  ],
};

/** What is shown of a start. */
export interface Showing {
  readonly what: "nothing" | "plan" | "trace";
  readonly json: boolean;
}

/** @throws UsageError */
export function readShowing(flags: Flags): Showing {
  const [explain, trace, json] = ["explain", "trace-setup", "json"].map((name) => flags.flag(name) ?? false);
  if (explain && trace)
    refuseBoth(flags, "explain", "trace-setup", "the first does nothing, the second everything");
  if (json && !explain && !trace) throw new UsageError("--json: expected --explain or --trace-setup with it");
  return { what: explain ? "plan" : trace ? "trace" : "nothing", json: json ?? false };
}
