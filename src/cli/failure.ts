import { CommanderError } from "commander";
import { UsageError } from "../core/errors.ts";

/**
 * What commander could not parse, as one line; undefined when it only showed help or the version. `command` is the word
 * that --help is to be asked of.
 */
export function parseFailure(error: CommanderError, command: string | undefined): UsageError | undefined {
  if (error.exitCode === 0 || error.code === "commander.help") return undefined;
  const [what = "", near] = error.message
    .replace(/^error: /, "")
    .replaceAll("'", "")
    .split("\n");
  const missing = /^option (.*) argument missing$/.exec(what)?.[1];
  if (missing !== undefined) return new UsageError(`${missing.replace(/ [<[].*/, "")}: expected a value`);
  const suggestion = /\(Did you mean (?:one of )?(.*)\?\)/.exec(near ?? "")?.[1];
  const hint =
    suggestion === undefined
      ? `see mdocker ${command === undefined ? "" : `${command} `}--help`
      : `did you mean ${suggestion}?`;
  return new UsageError(
    `${command === undefined ? "" : `${command}: `}${what.replaceAll(/\s+/g, " ")}: ${hint}`,
  );
}

/** True for a failure that a parse with every option declared may explain better, or not have. */
export function isIncomplete(error: unknown): error is CommanderError {
  return error instanceof CommanderError && error.code === "commander.unknownOption";
}
