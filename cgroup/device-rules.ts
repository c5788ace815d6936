import { UsageError } from "../src/core/errors.ts";
import type { OciDeviceRule } from "../src/core/oci.ts";

/** A device rule with nothing left out; undefined numbers mean any. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type: "a" | "b" | "c";
  readonly major: number | undefined;
  readonly minor: number | undefined;
  /** Subset of `rwm`, in this order. */
  readonly access: string;
}

const anyNumber = (value: number | undefined): number | undefined => (value === -1 ? undefined : value);

/**
 * Completes the rules of an OCI document.
 * @throws UsageError for a rule that is none.
 */
export function readDeviceRules(rules: readonly OciDeviceRule[]): DeviceRule[] {
  return rules.flatMap((rule) => {
    const { allow, type = "a", access = "rwm" } = rule;
    const [major, minor] = [anyNumber(rule.major), anyNumber(rule.minor)];
    const numbers = [major, minor].every(
      (n) => n === undefined || (Number.isInteger(n) && n >= 0 && n < 2 ** 32),
    );
    if (!numbers || !/^[rwm]+$/.test(access)) {
      const given = `${type} ${rule.major ?? "*"}:${rule.minor ?? "*"} ${access}`;
      throw new UsageError(`device rule ${given}: expected a, b or c, numbers or *, and some of rwm`);
    }
    const sorted = [..."rwm"].filter((letter) => access.includes(letter)).join("");
    const complete: DeviceRule = { allow, type, major, minor, access: sorted };
    if (type !== "a" || isTotal(complete)) return [complete];
    // To cgroup v1 `a` means everything, whatever numbers follow.
    return [
      { ...complete, type: "b" },
      { ...complete, type: "c" },
    ];
  });
}

/** True when the rule speaks of every device in every way: all before it is forgotten. */
export function isTotal({ type, major, minor, access }: DeviceRule): boolean {
  return type === "a" && major === undefined && minor === undefined && access === "rwm";
}

/** `c 136:* rwm`, as devices.allow takes it. */
export function formatDeviceRule({ type, major, minor, access }: DeviceRule): string {
  return `${type} ${major ?? "*"}:${minor ?? "*"} ${access}`;
}

/** The rules that count: from the last total one on. Empty when that one allows all and nothing follows. */
export function effectiveRules(rules: readonly DeviceRule[]): DeviceRule[] {
  const kept = rules.slice(Math.max(rules.findLastIndex(isTotal), 0));
  return kept.every(({ allow }) => allow) ? [] : kept;
}
