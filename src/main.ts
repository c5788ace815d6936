import { runCommandLine } from "./cli/main.ts";

/** Entry of the program. Exits at once when the command is done, whatever streams and timers are still open. */
runCommandLine(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`mdocker: ${String(error)}\n`);
    process.exit(2);
  },
);
