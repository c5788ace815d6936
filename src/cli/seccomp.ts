import type { Command } from "commander";
import type { Declaration } from "./option-row.ts";
import { registerCheck } from "./seccomp/check.ts";
import { registerRecord } from "./seccomp/record.ts";

/** Adds `seccomp`. */
export function registerSeccomp(program: Command, declaration?: Declaration): void {
  const group = program
    .command("seccomp")
    .summary("explain and make profiles of system calls")
    .description(
      "Explains profiles of system calls in docker's format, and makes them from what a command really calls.",
    )
    .helpOption("--help", "show help");
  registerCheck(group);
  registerRecord(group, declaration);
}
