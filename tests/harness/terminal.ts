/** Quotes one word for sh. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The command line that runs `command` on a terminal of its own, 24 rows of 80: what is written to its stdin is typed
 * (`\x03` is Ctrl-C), its stdout is what the screen gets, its exit code the command's. script(1) makes the terminal.
 */
export function onTerminal(command: readonly string[]): string[] {
  // The outer stdin is a pipe and has no size to hand on, so the size is set from inside.
  const line = `stty rows 24 cols 80; exec ${command.map(quote).join(" ")}`;
  return ["script", "--quiet", "--return", "--flush", "--command", line, "/dev/null"];
}
