import { CannotEnforceError } from "../cannot-enforce.ts";
import { type DeviceRule, effectiveRules, formatDeviceRule, isTotal } from "../device-rules.ts";
import type { Limit } from "../limit.ts";

function overlap(one: DeviceRule, other: DeviceRule): boolean {
  const meet = (a: number | undefined, b: number | undefined): boolean =>
    a === undefined || b === undefined || a === b;
  return (
    (one.type === "a" || other.type === "a" || one.type === other.type) &&
    meet(one.major, other.major) &&
    meet(one.minor, other.minor) &&
    [...one.access].some((letter) => other.access.includes(letter))
  );
}

/**
 * Device rules as writes to devices.deny and devices.allow. The kernel keeps one default and a list of exceptions to it
 * (Documentation/admin-guide/cgroup-v1/devices.rst), so a rule can be taken back only whole.
 * @throws CannotEnforceError for a rule that takes back a part of an earlier one.
 */
export function v1DeviceLimits(rules: readonly DeviceRule[]): Limit[] {
  const effective = effectiveRules(rules);
  const [first] = effective;
  if (first === undefined) return [];
  // A new cgroup allows what its parent allows.
  const allowByDefault = isTotal(first) ? first.allow : true;
  const exceptions: DeviceRule[] = [];
  for (const rule of isTotal(first) ? effective.slice(1) : effective) {
    if (rule.allow !== allowByDefault) {
      exceptions.push(rule);
      continue;
    }
    if (exceptions.some((exception) => overlap(exception, rule))) {
      const why = `${rule.allow ? "allow" : "deny"} ${formatDeviceRule(rule)} takes back a part of an earlier rule`;
      throw new CannotEnforceError(
        "device rules",
        `${why}, which cgroup v1 cannot do: put it first, or leave both out`,
      );
    }
  }
  const write = (allow: boolean, values: readonly string[], reason: string): Limit => ({
    controller: "devices",
    option: "device rules",
    targets: [{ file: allow ? "devices.allow" : "devices.deny", values }],
    reason,
  });
  const limits: Limit[] = [];
  if (!allowByDefault) limits.push(write(false, ["a"], "no device at all, but"));
  if (exceptions.length > 0) {
    const reason = allowByDefault ? "not these devices" : "these that every program expects";
    limits.push(write(!allowByDefault, exceptions.map(formatDeviceRule), reason));
  }
  return limits;
}
