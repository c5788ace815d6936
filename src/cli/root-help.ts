import type { Command } from "commander";
import { versionText } from "../core/version-text.ts";
import { print } from "./output.ts";

/** What only the help of `mdocker` itself needs: description, version flag, and what to say when nothing was asked. */
export function decorate(program: Command): void {
  program
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .description("A container runtime that explains its own network.")
    .version(`mdocker ${versionText()}`, "-V, --version", "show the version")
    .usage("[--root DIR] [--state DIR] [--prefix NAME] COMMAND [ARG...]")
    .addHelpText("after", "\nmdocker COMMAND --help tells more of each; man mdocker tells all.\n")
    .action(() => {
      print(program.helpInformation());
    });
}
