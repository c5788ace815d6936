import type { Command } from "commander";
import { containerChanges } from "../container/changes.ts";
import { findContainer } from "../container/refresh.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

/** Adds `diff`. */
export function registerDiff(program: Command): void {
  const command = program
    .command("diff")
    .summary("list the files that a container has changed")
    .description(
      "Lists what differs from the image: A for added, C for changed, D for deleted. Files on volumes do not count.",
    )
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .action((reference: string) => {
      requireRoot("diff ...");
      const instance = instanceOf(command);
      const changes = containerChanges(instance, findContainer(instance, reference));
      print(changes.map(({ kind, path }) => `${kind} ${path}\n`).join(""));
    });
}
