import type { Command } from "commander";
import { type Declaration, declareOptions, readFlags } from "./option-row.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { createOptions } from "./run-options.ts";
import { buildRequest, configured, wordsAfter } from "./run-request.ts";
import { hostView } from "./this-host.ts";

/** Adds `create`; for a parse, `declaration` says which words it must understand. */
export function registerCreate(program: Command, declaration?: Declaration): void {
  const command = program
    .command("create")
    .helpOption(declaration?.all === false ? false : "--help", "show help")
    .passThroughOptions()
    .argument("[words...]")
    .action(async (left: string[]) => {
      const view = await hostView();
      const given = wordsAfter(left, declaration?.words ?? []);
      const [flags, words] = await configured(readFlags(command), given, view);
      const request = await buildRequest(flags, words, view, "detached");
      requireRoot("create ...");
      const { createDetached } = await import("./detached.ts");
      const stdinOnce = request.interactive ? { stdinOnce: true } : {};
      await createDetached(instanceOf(command), { ...request, ...stdinOnce });
    });
  declareOptions(command, createOptions, declaration);
  if (declaration?.all === false) return;
  command
    .summary("make a container, to be started later")
    .description(
      "Makes a container and prints its id; mdocker start starts it. Takes the flags of mdocker run.",
    )
    .usage("[flags] [IMAGE|--rootfs DIR] [--] COMMAND [ARG...]");
}
