import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import { renderBash } from "./completion/bash.ts";
import { renderFish } from "./completion/fish.ts";
import { describeTree, type Tree } from "./completion/tree.ts";
import { renderZsh } from "./completion/zsh.ts";
import { print } from "./output.ts";

const shells: Readonly<Record<string, (tree: Tree) => string>> = {
  bash: renderBash,
  zsh: renderZsh,
  fish: renderFish,
};

/** Adds `completion`. */
export function registerCompletion(program: Command): void {
  program
    .command("completion")
    .summary("print a completion script for a shell")
    .description(
      "Prints a completion script. bash: mdocker completion bash > /etc/bash_completion.d/mdocker; zsh: into a file _mdocker " +
        "in $fpath; fish: into ~/.config/fish/completions/mdocker.fish.",
    )
    .helpOption("--help", "show help")
    .argument("<shell>", "bash, zsh or fish")
    .action((shell: string) => {
      const render = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
      if (render === undefined)
        throw new UsageError(`completion: ${JSON.stringify(shell)}: expected bash, zsh or fish`);
      print(render(describeTree(program)));
    });
}
