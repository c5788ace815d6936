import type { Command } from "commander";
import { versionText } from "../core/version-text.ts";
import { renderMan } from "./man-page.ts";
import { print } from "./output.ts";

/** Adds `man`. */
export function registerMan(program: Command): void {
  program
    .command("man")
    .summary("print the man page")
    .description(
      "Prints the man page, for man(1): mdocker man > /usr/local/share/man/man1/mdocker.1, or mdocker man | man -l -",
    )
    .helpOption("--help", "show help")
    .action(() => {
      print(renderMan(program, versionText()));
    });
}
