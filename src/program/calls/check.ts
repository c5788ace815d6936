import { errnoNumber } from "../../sys/errno.ts";
import type { Argument, Data } from "../data.ts";
import type { Step } from "../step.ts";

/** A condition on memory that an earlier call has filled: `width` bytes (at most 8) of `data`, little-endian. */
export interface Condition {
  readonly data: Data;
  readonly width: number;
  readonly mask?: bigint;
  readonly value: bigint;
  /** The errno that is reported when it does not hold. */
  readonly errno: string;
  readonly text: string;
  readonly reason: string;
  readonly label: string;
}

function condition(
  kind: "check" | "checkNot",
  { data, width, mask, value, errno, text, reason, label }: Condition,
): Step {
  const args: Argument[] = [data, width, mask ?? 0xffffffffffffffffn, value, errnoNumber(errno)];
  return { kind, args, text: () => `check ${text}`, reason, label };
}

/** Goes on only when the memory holds this value. */
export function expectValue(wanted: Condition): Step {
  return condition("check", wanted);
}

/** Goes on only when the memory does not hold this value. */
export function refuseValue(unwanted: Condition): Step {
  return condition("checkNot", unwanted);
}
