import { Command } from "commander";
import { findInstance, type Instance } from "../core/paths.ts";
import { print } from "./output.ts";

/** The values of the flags before the command word. */
interface GlobalFlags {
  readonly root?: string;
  readonly state?: string;
  readonly prefix?: string;
}

/** Flags of `mdocker` itself that take a value. */
const globalFlags: readonly string[] = ["--root", "--state", "--prefix"];

/** The command tree's root, without commands. Errors are thrown as CommanderError; help goes to stdout. */
export function newProgram(): Command {
  return new Command("mdocker")
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: () => undefined })
    .enablePositionalOptions()
    .helpOption("--help", "show help")
    .option("--root <dir>", "keep images and containers there (MDOCKER_ROOT; default /var/lib/mdocker)")
    .option("--state <dir>", "keep the state of this boot there (MDOCKER_STATE; default /run/mdocker)")
    .option(
      "--prefix <name>",
      "begin names of links, chains and cgroups so (MDOCKER_PREFIX; default mdocker)",
    );
}

/** The instance that the global flags of a command name. @throws UsageError */
export function instanceOf(command: Command): Instance {
  return findInstance(command.optsWithGlobals<GlobalFlags>(), process.env);
}

/** Where the command word is: the first word that is neither a global flag nor its value; -1 for none. */
export function commandAt(words: readonly string[]): number {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (globalFlags.includes(word)) at += 1;
    else if (!globalFlags.some((flag) => word.startsWith(`${flag}=`))) return word.startsWith("-") ? -1 : at;
  }
  return -1;
}

/** The command word of a command line. Undefined for none, and for what commander has to look at itself. */
export function commandWord(words: readonly string[]): string | undefined {
  return words[commandAt(words)];
}
