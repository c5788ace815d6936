import type { Command } from "commander";
import { registerAll } from "./commands.ts";
import { newProgram } from "./program.ts";
import { decorate } from "./root-help.ts";

/** The whole command tree, with every option: what completion and man page are made from. */
export async function fullProgram(): Promise<Command> {
  const program = newProgram();
  await registerAll(program);
  decorate(program);
  return program;
}
