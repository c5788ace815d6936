import type { RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import { type Flags, refuseBoth } from "../flags.ts";
import { field } from "../number.ts";
import type { OptionTable } from "../option-row.ts";
import { readHealth } from "./health.ts";
import { parseRestart } from "./restart.ts";
import { readStopping, stoppingRows } from "./stopping.ts";

export const lifeOptions: OptionTable = {
  heading: "Life:",
  rows: [
    {
      flags: "-d, --detach",
      about: "leave it to the supervisor and print its id; it stays until mdocker rm",
    },
    {
      flags: "--restart <policy>",
      about: "start it again: no, on-failure[:TIMES], always or unless-stopped",
    },
    ...stoppingRows,
  ],
};

/** How long the container is to live: on its own (`-d`, or `create`), or as long as the run that has it in its foreground. */
export type Life = "detached" | "foreground";

type LifeRequest = Pick<
  RunRequest,
  "detached" | "autoRemove" | "restart" | "health" | "stopSignal" | "stopTimeout" | "keep"
>;

/** Flags that only the supervisor can follow. */
const supervised = ["restart", "health-cmd"] as const;

/** How it begins again, is looked after and ends. @throws UsageError */
export async function readLife(flags: Flags, life: Life, keep: boolean): Promise<LifeRequest> {
  const stopping = await readStopping(flags);
  const given = flags.one("restart");
  const restart = given === undefined ? undefined : parseRestart(given);
  const health = readHealth(flags);
  if (life === "foreground") {
    const [flag] = supervised.flatMap((name) => flags.one(name) ?? []);
    if (flag !== undefined && restart?.policy !== "no")
      throw new UsageError(`${flag.from}: needs -d: a container in the foreground ends with its run`);
    return { keep, ...stopping };
  }
  const autoRemove = flags.flag("rm") === true;
  if (autoRemove && restart !== undefined && restart.policy !== "no")
    refuseBoth(flags, "restart", "rm", "what is removed when it has ended cannot be started again");
  return {
    keep: true,
    detached: true,
    ...field("autoRemove", autoRemove ? true : undefined),
    ...field("restart", restart),
    ...field("health", health),
    ...stopping,
  };
}
