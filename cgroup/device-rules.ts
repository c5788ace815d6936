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

/** `mr` is `rm`; undefined when it is not about r, w and m. */
function inOrder(access: string): string | undefined {
  if (!/^[rwm]+$/.test(access)) return undefined;
  return [..."rwm"].filter((letter) => access.includes(letter)).join("");
}

function isNumber(value: number | undefined): boolean {
  return value === undefined || (Number.isInteger(value) && value >= 0 && value < 2 ** 32);
}

const anyNumber = (value: number | undefined): number | undefined => (value === -1 ? undefined : value);

/**
 * Completes the rules of an OCI document.
 * @throws UsageError for a rule that is none.
 */
export function readDeviceRules(rules: readonly OciDeviceRule[]): DeviceRule[] {
  const complete: DeviceRule[] = [];
  for (const { allow, type = "a", major: givenMajor, minor: givenMinor, access: given = "rwm" } of rules) {
    const [major, minor] = [anyNumber(givenMajor), anyNumber(givenMinor)];
    const access = given === "rwm" ? given : inOrder(given);
    if (access === undefined || !isNumber(major) || !isNumber(minor)) {
      const text = `${type} ${givenMajor ?? "*"}:${givenMinor ?? "*"} ${given}`;
      throw new UsageError(`device rule ${text}: expected a, b or c, numbers or *, and some of rwm`);
    }
    const rule: DeviceRule = { allow, type, major, minor, access };
    if (type !== "a" || isTotal(rule)) complete.push(rule);
    // To cgroup v1 `a` means everything, whatever numbers follow.
    else complete.push({ ...rule, type: "b" }, { ...rule, type: "c" });
  }
  return complete;
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
