import { runCommandLine } from "./cli/main.ts";
import { exitNow } from "./sys/exit.ts";

// A stack is collected for every error, also the many that only say that a file is not there; nobody reads it.
if (process.env["MDOCKER_DEBUG"] === undefined) Error.stackTraceLimit = 0;

/** Entry of the program. Exits at once when the command is done, whatever streams and timers are still open. */
runCommandLine(process.argv.slice(2)).then(exitNow, (error: unknown) => {
  process.stderr.write(`mdocker: ${String(error)}\n`);
  exitNow(2);
});
