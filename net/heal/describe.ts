import type { PlannedAction } from "../../src/core/explain.ts";
import { tables } from "../chain.ts";
import { driverOf } from "../driver/drivers.ts";
import { uplinkSteps } from "../plan.ts";
import { describeStep } from "../step.ts";
import { describeSysctl } from "../sysctl.ts";
import type { Mend } from "./mend.ts";

/** What will be done about a fault, message by message and rule by rule. */
export function describeMend({ act }: Mend): PlannedAction[] {
  switch (act.kind) {
    case "steps":
    case "inside":
      return act.steps.map(describeStep);
    case "sysctl":
      return [describeSysctl(act.sysctl)];
    case "endpoint":
      return driverOf(act.endpoint.endpoint).birth(act.endpoint.endpoint).map(describeStep);
    case "uplink":
      return uplinkSteps(act.uplink).map(describeStep);
    case "stray":
      return [
        {
          kind: "netlink",
          text: `RTM_DELLINK ${act.name}`,
          reason: "no container that runs has it",
          by: "parent",
        },
      ];
    case "rules":
      return tables.flatMap((table) =>
        (act.changes[table] ?? [])
          .filter((line) => !line.startsWith(":"))
          .map((line) => ({
            kind: "iptables",
            text: `${act.iptables.program} -t ${table} ${line}`,
            reason: "the difference between what is there and what shall be",
            by: "parent",
          })),
      );
    case "none":
      return [];
    default:
      return act satisfies never;
  }
}
