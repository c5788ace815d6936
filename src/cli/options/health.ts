import type { HealthRequest } from "../../container/request.ts";
import { parseDuration } from "../../core/duration.ts";
import { UsageError } from "../../core/errors.ts";
import { type Flags, refuse } from "../flags.ts";
import { wholeNumber } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

export const healthOptions: OptionTable = {
  heading: "Health checks (with -d):",
  rows: [
    {
      flags: "--health-cmd <command>",
      about: "run it now and then with the container's /bin/sh: 0 is healthy",
    },
    { flags: "--health-interval <duration>", about: "from one to the next (30s)" },
    { flags: "--health-timeout <duration>", about: "one that takes longer has failed (30s)" },
    {
      flags: "--health-start-period <duration>",
      about: "failures do not count for so long after a start (0s)",
    },
    { flags: "--health-retries <number>", about: "so many failures in a row make it unhealthy (3)" },
    { flags: "--no-healthcheck", about: "no checks, also not those of the image" },
  ],
};

const details = ["health-interval", "health-timeout", "health-start-period", "health-retries"] as const;

function milliseconds(flags: Flags, name: string, usual: number, least: number): number {
  const given = flags.one(name);
  if (given === undefined) return usual;
  const ms = parseDuration(given.value, given.from);
  // 0 is docker's word for the usual.
  if (ms === 0) return usual;
  return ms < least ? refuse(given, `at least ${least}ms`) : ms;
}

/** Health checks; undefined when nothing was said of them. @throws UsageError */
export function readHealth(flags: Flags): HealthRequest | undefined {
  const command = flags.one("health-cmd");
  const none = flags.flag("no-healthcheck") === true;
  const [detail] = details.flatMap((name) => flags.one(name) ?? []);
  const said = command ?? detail;
  if (none && said !== undefined)
    throw new UsageError(`--no-healthcheck and ${said.from} contradict: there is nothing to check`);
  if (command === undefined && detail !== undefined)
    throw new UsageError(`${detail.from}: expected --health-cmd with it`);
  if (command === undefined && !none) return undefined;
  if (command?.value === "") refuse(command, "a command");
  const retries = flags.one("health-retries");
  return {
    test: command === undefined ? ["NONE"] : ["CMD-SHELL", command.value],
    intervalMs: milliseconds(flags, "health-interval", 30_000, 1),
    timeoutMs: milliseconds(flags, "health-timeout", 30_000, 1),
    startPeriodMs: milliseconds(flags, "health-start-period", 0, 0),
    retries: (retries === undefined ? 0 : wholeNumber(retries, 0, 1_000_000)) || 3,
  };
}
