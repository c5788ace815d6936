import { describeHost } from "../../../cgroup/describe.ts";
import { detectCgroups } from "../../../cgroup/host.ts";
import { type Check, type Finding, info, ok } from "./check.ts";

/** Which flags this host has no means for: they are refused, and here is why. */
export const limits: Check = {
  name: "limits",
  look: (): Finding => {
    const { driver, shortcomings } = describeHost(detectCgroups());
    if (shortcomings.length === 0) return ok(`${driver}: all can be enforced`);
    const found = shortcomings.map(({ what, why }) => `${what} (${why})`).join("; ");
    const remedies = [...new Set(shortcomings.flatMap(({ remedy }) => remedy ?? []))];
    return info(
      `${driver}: cannot be enforced: ${found}`,
      remedies.length === 0 ? undefined : remedies.join("; "),
    );
  },
};
