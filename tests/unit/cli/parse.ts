import { CommanderError } from "commander";
import { loadConfig, withConfig } from "../../../src/cli/config.ts";
import { parseFailure } from "../../../src/cli/failure.ts";
import type { Flags } from "../../../src/cli/flags.ts";
import type { HostView } from "../../../src/cli/host-view.ts";
import { declareOptions, readFlags } from "../../../src/cli/option-row.ts";
import { newProgram } from "../../../src/cli/program.ts";
import { runOptions } from "../../../src/cli/run-options.ts";
import { buildRequest, type Words, wordsAfter } from "../../../src/cli/run-request.ts";
import type { RunRequest } from "../../../src/container/request.ts";
import { UsageError } from "../../../src/core/errors.ts";

/** A host without terminals whose files are `files`. */
export function fakeView(
  files: Readonly<Record<string, string>> = {},
  more: Partial<HostView> = {},
): HostView {
  return {
    env: { HOME: "/home/user", SHELL: "/bin/bash" },
    cwd: "/work",
    stdin: false,
    stdout: false,
    readText: (path) => {
      const text = Object.hasOwn(files, path) ? files[path] : undefined;
      if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
      return text;
    },
    blockDevice: (path) => (path === "/dev/sda" ? { major: 8, minor: 0 } : undefined),
    ...more,
  };
}

/** Flags and words of `run WORDS`, found with all options declared or only with those the words may stand for. */
export function parseRun(words: readonly string[], all: boolean): { flags: Flags; words: Words } {
  const program = newProgram();
  const command = program
    .command("run")
    .helpOption(false)
    .passThroughOptions()
    .argument("[words...]")
    .action(() => undefined);
  declareOptions(command, runOptions, { words, all });
  try {
    program.parse(["run", ...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw parseFailure(error, "run") ?? error;
  }
  return { flags: readFlags(command), words: wordsAfter(command.args, words) };
}

/** As main does it: with the few options that may be meant, and again with all where those do not suffice. */
function parse(words: readonly string[]): ReturnType<typeof parseRun> {
  try {
    return parseRun(words, false);
  } catch (error) {
    if (error instanceof UsageError && error.message.includes("unknown option")) return parseRun(words, true);
    throw error;
  }
}

/** `run WORDS` as a request. */
export async function request(words: readonly string[], view: HostView = fakeView()): Promise<RunRequest> {
  const parsed = parse(words);
  const config = parsed.flags.one("config");
  if (config === undefined) return buildRequest(parsed.flags, parsed.words, view);
  const [flags, rest] = withConfig(parsed.flags, parsed.words, await loadConfig(config, view));
  return buildRequest(flags, rest, view);
}
