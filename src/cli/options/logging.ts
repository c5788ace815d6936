import type { LogRequest, RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import { type Flags, refuse } from "../flags.ts";
import type { OptionTable } from "../option-row.ts";
import type { Life } from "./life.ts";

export const loggingOptions: OptionTable = {
  heading: "Log:",
  rows: [
    {
      flags: "--log-driver <driver>",
      about: "of a detached container: json-file, or none to keep no output",
    },
    {
      flags: "--log-opt <name=value>",
      about: "max-size, max-file, mode=blocking|non-blocking, max-buffer-size, labels, env, tag",
    },
  ],
};

/** Where the output of a detached container goes. @throws UsageError */
export async function readLogging(flags: Flags, life: Life): Promise<Pick<RunRequest, "log">> {
  const [driver, options] = [flags.one("log-driver"), flags.all("log-opt")];
  if (driver === undefined && options.length === 0) return {};
  const pairs = options.map((given): [string, string] => {
    const equals = given.value.indexOf("=");
    return equals > 0
      ? [given.value.slice(0, equals), given.value.slice(equals + 1)]
      : refuse(given, "NAME=VALUE, such as max-size=10m");
  });
  const log: LogRequest = { driver: driver?.value ?? "json-file", options: Object.fromEntries(pairs) };
  // Loaded only where it is needed: most starts name none.
  const { parseLogOptions } = await import("../../logs/options.ts");
  const { driver: kept } = parseLogOptions(log.driver, log.options);
  if (life === "detached") return { log };
  if (kept === "none") return {};
  const from = driver?.from ?? "--log-opt";
  throw new UsageError(
    `${from}: needs -d: the output of a container in the foreground is shown, and not kept`,
  );
}
