import type { Command } from "commander";
import { findContainer } from "../container/refresh.ts";
import { stopContainer } from "../container/stop.ts";
import { NotModifiedError } from "../core/errors.ts";
import { parseSignal } from "../core/signal.ts";
import { forAll } from "./each.ts";
import { keepersOf } from "./keeper.ts";
import { parseSeconds } from "./options/stopping.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

/** The words of the command line, by option. */
interface StopFlags {
  readonly timeout?: string;
  readonly time?: string;
  readonly signal?: string;
}

/** Adds `stop`. */
export function registerStop(program: Command): void {
  const command = program
    .command("stop")
    .summary("ask containers to end, and kill those that do not")
    .description(
      "Sends each container its stop signal (SIGTERM, or that of the image or of --stop-signal), and SIGKILL when it has " +
        "not ended after the timeout. Returns when all have ended.",
    )
    .helpOption("--help", "show help")
    .argument("<container...>", "names, ids or beginnings of ids")
    .option("-s, --signal <signal>", "by name or number, instead of its own")
    .option("-t, --timeout <seconds>", "until SIGKILL (its own, else 10); -1 is without end")
    .option("--time <seconds>", "the same")
    .action(async (references: readonly string[], flags: StopFlags) => {
      requireRoot("stop ...");
      const instance = instanceOf(command);
      const seconds = flags.timeout ?? flags.time;
      const request = {
        signal: flags.signal === undefined ? undefined : parseSignal(flags.signal, "--signal"),
        timeout: seconds === undefined ? undefined : parseSeconds({ value: seconds, from: "--timeout" }),
      };
      const query = { signal: request.signal, t: request.timeout };
      const keepers = keepersOf(instance);
      await forAll(references, async (reference) => {
        try {
          const record = findContainer(instance, reference);
          const keeper = await keepers(record);
          if (keeper === undefined) await stopContainer(instance, record, request);
          else await keeper.request("POST", `/containers/${record.id}/stop`, { query });
        } catch (error) {
          // Nothing to do is success, as with docker.
          if (!(error instanceof NotModifiedError)) throw error;
        }
      });
    });
}
