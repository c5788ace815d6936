import { monotonicMs } from "../src/core/clock.ts";
import type { Observer } from "../src/core/explain.ts";
import type { NetlinkClient } from "./netlink/client.ts";
import { describeStep, type Known, type NetlinkStep, requestOf } from "./step.ts";

/**
 * Performs steps in order and returns the payload of each answer. Without an observer they go out in one send; with one
 * each goes out alone, so that its duration can be told.
 * @throws SyscallError of the first that failed.
 */
export function performSteps(
  client: NetlinkClient,
  steps: readonly NetlinkStep[],
  known: Known,
  observer: Observer | undefined,
): (Uint8Array | undefined)[] {
  const requests = steps.map((step) => requestOf(step, known));
  if (observer === undefined) return client.exchange(requests);
  return steps.map((step, at) => {
    const start = monotonicMs();
    const [answer] = client.exchange(requests.slice(at, at + 1));
    observer({ ...describeStep(step), ms: monotonicMs() - start });
    return answer;
  });
}
