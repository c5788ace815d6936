import type { Command } from "commander";
import type { Register } from "./commands.ts";

/*
 * What the build puts in the place of commands.ts in dist/run.bundle.cjs, the program for `mdocker run` and nothing else:
 * a start should not read the code of other commands. src/start.cjs chooses between the two.
 */
export const commands: Readonly<Record<string, () => Promise<Register>>> = {
  run: async () => (await import("./run.ts")).registerRun,
};

export const treeCommands: ReadonlySet<string> = new Set();

export async function registerAll(program: Command): Promise<void> {
  for (const load of Object.values(commands)) (await load())(program);
}
