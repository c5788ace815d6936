import type { Command } from "commander";
import { addSched } from "./lab/sched.ts";

/** Adds `lab`: experiments with the kernel, by containers that are there only for them. */
export function registerLab(program: Command): void {
  const lab = program
    .command("lab")
    .helpOption("--help", "show help")
    .description(
      "experiments that show what the kernel does with containers, and whether it keeps its promises",
    );
  addSched(lab);
}
