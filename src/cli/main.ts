import { type Command, CommanderError } from "commander";
import { ExitCode, MdockerError, messageOf, UsageError } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";
import { commands, treeCommands } from "./commands.ts";
import { isIncomplete, parseFailure } from "./failure.ts";
import { printError, say } from "./output.ts";
import { NeedsRootError } from "./privilege.ts";
import { commandAt, commandWord, newProgram } from "./program.ts";

/** The command tree as far as these words need it: one command, or all of them. */
async function treeFor(words: readonly string[], all: boolean): Promise<Command> {
  const word = commandWord(words);
  if (word === undefined || treeCommands.has(word)) {
    const { fullProgram } = await import("./full-program.ts");
    return fullProgram();
  }
  const load = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (load === undefined) return refuseCommand(word);
  const program = newProgram();
  (await load())(program, { words, all });
  return program;
}

async function parse(words: readonly string[], all: boolean): Promise<void> {
  const program = await treeFor(words, all);
  await program.parseAsync([...words], { from: "user" });
}

function refuseCommand(word: string): never {
  const near = nearest(word, Object.keys(commands));
  const hint = near === undefined ? "see mdocker --help" : `did you mean ${near}?`;
  throw new UsageError(`unknown command ${JSON.stringify(word)}: ${hint}`);
}

/** Reports what was thrown in one line, and returns the exit code. */
function report(error: unknown, words: readonly string[]): number {
  const failure = error instanceof CommanderError ? parseFailure(error, commandWord(words)) : error;
  if (failure === undefined) return 0;
  say(messageOf(failure).replaceAll(/\s*\n\s*/g, "; "));
  if (process.env["MDOCKER_DEBUG"] === "1" && failure instanceof Error) {
    printError(`${failure.stack ?? ""}\n`);
    if (failure.cause !== undefined) printError(`caused by ${String(failure.cause)}\n`);
  }
  return failure instanceof MdockerError ? failure.exitCode : ExitCode.setup;
}

/** docker's `container stop X` is `stop X` here. @throws UsageError */
async function withoutGroup(words: readonly string[]): Promise<readonly string[]> {
  const at = commandAt(words);
  const word = words[at] ?? "";
  if (word !== "container" && word !== "system") return words;
  const { memberOf } = await import("./groups.ts");
  return [...words.slice(0, at), memberOf(word, words[at + 1]), ...words.slice(at + 2)];
}

/** Who is not root goes where they are; who has just made that place gets it ready. */
async function takePlace(words: readonly string[]): Promise<void> {
  if (process.geteuid?.() !== 0) return (await import("./own-namespaces.ts")).enterEarly(words);
  if (process.env["MDOCKER_NEW_HOLDER"] !== undefined)
    (await import("../rootless/ready.ts")).makeReady(process.env);
}

/** Runs one command line, without the program's own name. Returns the exit code; nothing is thrown. */
export async function runCommandLine(given: readonly string[]): Promise<number> {
  let words = given;
  try {
    await takePlace(given);
    words = await withoutGroup(given);
    try {
      await parse(words, false);
    } catch (error) {
      if (!isIncomplete(error)) throw error;
      await parse(words, true);
    }
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (!(error instanceof NeedsRootError)) return report(error, words);
    const { enterInstead } = await import("./own-namespaces.ts");
    try {
      return enterInstead(given, error);
    } catch (refusal) {
      return report(refusal, words);
    }
  }
}
