import type { Readable, Writable } from "node:stream";
import { ReadStream } from "node:tty";
import { hasErrno } from "../core/errors.ts";
import { copyWindowSize, makeRaw } from "../sys/tty.ts";

/** A user's terminal connected to a container's. */
export interface Relay {
  /** Ends it: what the container has written is shown first, then the user's terminal is as it was. */
  finish(): Promise<void>;
}

/** How long output may still trickle in after the container has ended, should anything outside hold its terminal. */
const drainMs = 1000;

/**
 * Connects the user's terminal (stdin, stdout) to `master`, the outer end of the container's. stdin goes to raw mode,
 * so that every key, Ctrl-C and Ctrl-Z included, reaches the container; resizes follow. The settings come back on
 * `finish`, on exit of this process for whatever reason it can see, and after SIGCONT.
 */
export function relayTerminal(master: number, stdin: Readable & { fd?: number }, stdout: Writable): Relay {
  const input = stdin.fd ?? 0;
  const follow = (): void => {
    copyWindowSize(1, master);
  };
  follow();
  let restore = makeRaw(input);
  const onExit = (): void => {
    restore();
  };
  const onContinue = (): void => {
    restore = ((before) => {
      makeRaw(input);
      return before;
    })(restore);
    follow();
  };
  process.once("exit", onExit);
  process.on("SIGWINCH", follow);
  process.on("SIGCONT", onContinue);

  const terminal = new ReadStream(master);
  const ended = new Promise<void>((resolve) => {
    // The last process closing the inner end shows as EIO here.
    terminal.once("error", (error) => {
      if (!hasErrno(error, "EIO")) process.stderr.write(`mdocker: terminal: ${error.message}\n`);
      resolve();
    });
    terminal.once("end", resolve);
    terminal.once("close", resolve);
  });
  terminal.pipe(stdout, { end: false });
  stdin.pipe(terminal);

  return {
    async finish() {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, drainMs);
      });
      await Promise.race([ended, patience]);
      clearTimeout(timer);
      process.off("SIGWINCH", follow);
      process.off("SIGCONT", onContinue);
      process.off("exit", onExit);
      stdin.unpipe(terminal);
      stdin.pause();
      terminal.destroy();
      restore();
    },
  };
}
