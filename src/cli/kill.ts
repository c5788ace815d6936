import type { Command } from "commander";
import { killContainer } from "../container/kill.ts";
import { findContainer } from "../container/refresh.ts";
import { parseSignal } from "../core/signal.ts";
import { forEach } from "./each.ts";
import { keepersOf } from "./keeper.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

/** Adds `kill`. */
export function registerKill(program: Command): void {
  const command = program
    .command("kill")
    .summary("send a signal to containers")
    .description(
      "Sends a signal to the command of each container: SIGKILL, which ends all of it, unless another is named.",
    )
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .option("-s, --signal <signal>", "by name or number", "KILL")
    .action(async (references: readonly string[], options: { readonly signal: string }) => {
      requireRoot("kill ...");
      const signal = parseSignal(options.signal, "--signal");
      const instance = instanceOf(command);
      const keepers = keepersOf(instance);
      await forEach(references, async (reference) => {
        const record = findContainer(instance, reference);
        const keeper = await keepers(record);
        if (keeper === undefined) killContainer(instance, record, signal);
        else await keeper.request("POST", `/containers/${record.id}/kill`, { query: { signal } });
      });
    });
}
