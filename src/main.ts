import { runCommandLine } from "./cli/main.ts";
import { exitNow } from "./sys/exit.ts";

/** Entry of the program. Exits at once when the command is done, whatever streams and timers are still open. */
runCommandLine(process.argv.slice(2)).then(exitNow, (error: unknown) => {
  process.stderr.write(`mdocker: ${String(error)}\n`);
  exitNow(2);
});
