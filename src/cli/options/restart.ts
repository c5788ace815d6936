import type { RestartRequest } from "../../container/request.ts";
import { type Given, refuse } from "../flags.ts";

const expected = "no, on-failure[:TIMES], always or unless-stopped";

/** `on-failure:5` and so on; an empty one is `no`, as with docker. @throws UsageError */
export function parseRestart(given: Given): RestartRequest {
  const [, policy = "", times] =
    /^(no|on-failure|always|unless-stopped|)(?::(\d{1,9}))?$/.exec(given.value) ?? refuse(given, expected);
  if (times !== undefined && policy !== "on-failure")
    refuse(given, `${expected}: only on-failure has a number of times`);
  return { policy: (policy || "no") as RestartRequest["policy"], maximumRetries: Number(times ?? 0) };
}
