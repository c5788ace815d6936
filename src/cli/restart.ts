import type { Command } from "commander";
import { parseSignal } from "../core/signal.ts";
import { connectSupervisor } from "./client.ts";
import { forAll } from "./each.ts";
import { parseSeconds } from "./options/stopping.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

interface RestartFlags {
  readonly timeout?: string;
  readonly time?: string;
  readonly signal?: string;
}

/** Adds `restart`. */
export function registerRestart(program: Command): void {
  const command = program
    .command("restart")
    .summary("stop containers and start them again")
    .description(
      "Stops containers as mdocker stop does, and starts them again; those that do not run are started.",
    )
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .option("-s, --signal <signal>", "by name or number, instead of its own")
    .option("-t, --timeout <seconds>", "until SIGKILL (its own, else 10); -1 is without end")
    .option("--time <seconds>", "the same")
    .action(async (references: readonly string[], flags: RestartFlags) => {
      requireRoot("restart ...");
      const seconds = flags.timeout ?? flags.time;
      const query = {
        signal: flags.signal === undefined ? undefined : parseSignal(flags.signal, "--signal"),
        t: seconds === undefined ? undefined : parseSeconds({ value: seconds, from: "--timeout" }),
      };
      const client = await connectSupervisor(instanceOf(command));
      await forAll(references, async (reference) => {
        await client.request("POST", `/containers/${encodeURIComponent(reference)}/restart`, { query });
      });
    });
}
