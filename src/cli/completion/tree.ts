import type { Command, Option } from "commander";

/** What may be completed after an option, or as a word of a command. */
export type Words =
  | { readonly kind: "none" | "any" | "file" | "directory" | "container" | "image" }
  | { readonly kind: "choice"; readonly choices: readonly string[] };

export interface TreeOption {
  /** `-m`, `--memory`, as they are typed. */
  readonly flags: readonly string[];
  readonly about: string;
  /** `none`: a switch. */
  readonly value: Words;
}

/** A command as completion sees it. */
export interface Tree {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly about: string;
  readonly options: readonly TreeOption[];
  readonly words: Words;
  readonly commands: readonly Tree[];
}

/** By the name of a value in the help text: `<file>`, `<dir>`, `<container...>`. */
function wordsOf(placeholder: string): Words {
  if (/\bfile\b/.test(placeholder)) return { kind: "file" };
  if (/\bdir\b/.test(placeholder)) return { kind: "directory" };
  if (/\bcontainer\b/.test(placeholder)) return { kind: "container" };
  if (/\bimage\b/.test(placeholder)) return { kind: "image" };
  return { kind: "any" };
}

function valueWords(option: Option): Words {
  if (!option.required && !option.optional) return { kind: "none" };
  if (option.argChoices !== undefined) return { kind: "choice", choices: option.argChoices };
  if (option.long === "--network")
    return { kind: "choice", choices: ["bridge", "host", "none", "container:"] };
  return wordsOf(/[<[](.*?)[>\]]/.exec(option.flags)?.[1] ?? "");
}

function commandWords(command: Command): Words {
  if (command.name() === "completion") return { kind: "choice", choices: ["bash", "zsh", "fish"] };
  if (command.name() === "run") return { kind: "file" };
  const [first] = command.registeredArguments;
  if (first === undefined) return { kind: "none" };
  return command.parent?.name() === "image" ? { kind: "image" } : wordsOf(first.name());
}

/** Reads a command and all below it. */
export function describeTree(command: Command): Tree {
  const help = command.createHelp();
  return {
    name: command.name(),
    aliases: command.aliases(),
    about: command.summary() || command.description(),
    options: help.visibleOptions(command).map((option) => ({
      flags: [option.short, option.long].filter((flag) => flag !== undefined),
      about: option.description,
      value: valueWords(option),
    })),
    words: commandWords(command),
    commands: help
      .visibleCommands(command)
      .filter((below) => below.name() !== "help")
      .map(describeTree),
  };
}
