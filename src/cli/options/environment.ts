import { UsageError } from "../../core/errors.ts";
import { type Flags, shown } from "../flags.ts";
import type { HostView } from "../host-view.ts";
import type { OptionTable } from "../option-row.ts";
import { readLines } from "../text-file.ts";

export const environmentOptions: OptionTable = {
  heading: "Command:",
  rows: [
    { flags: "-e, --env <name[=value]>", about: "set a variable; without a value the one of this shell" },
    { flags: "--env-file <file>", about: "set the variables of a file, one NAME=value a line" },
  ],
};

function parseVariable(text: string, at: string, view: HostView): string[] {
  const equals = text.indexOf("=");
  const name = equals < 0 ? text : text.slice(0, equals);
  if (name === "" || /[\s\0]/.test(name)) {
    throw new UsageError(`${at}: ${shown(text)}: expected NAME or NAME=VALUE, no blanks in the name`);
  }
  if (text.includes("\0")) throw new UsageError(`${at}: ${name}: a value cannot hold a zero byte`);
  if (equals >= 0) return [text];
  const own = view.env[name];
  return own === undefined ? [] : [`${name}=${own}`];
}

/** The variables asked for: files first, so that -e wins, as docker has it. @throws UsageError */
export function readEnvironment(flags: Flags, view: HostView): string[] {
  const files = flags.all("env-file").flatMap((given) => readLines(given, view));
  const single = flags.all("env").map(({ value, from }) => ({ text: value, at: from }));
  return [...files, ...single].flatMap(({ text, at }) => parseVariable(text, at, view));
}
