import { closeSync } from "node:fs";
import { noteStdioFlags, setNonBlocking } from "../sys/stdio.ts";
import { copyWindowSize, terminalSettings } from "../sys/tty.ts";
import { Keyboard } from "./keyboard.ts";
import { Screen } from "./screen.ts";

/** A user's terminal connected to a container's. */
export interface Relay {
  /**
   * To be called when the container has ended: what it has written is shown, however slowly it is read, then the user's
   * terminal is as it was. A signal that asks us to end cuts the rest off.
   */
  finish(): Promise<void>;
}

/** Whose terminal is gone cannot end us: so long the rest of the output may take then. */
const graceMs = 10_000;

/** Cut the rest of the output off. */
const enough = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/**
 * Connects the user's terminal (our stdin, with our stdout) to `master`, the outer end of the container's, and closes
 * that in the end. stdin goes to raw mode, so that every key, Ctrl-C and Ctrl-Z included, reaches the container; resizes
 * follow. The settings come back on `finish`, and on exit of this process for whatever reason it can see; raw mode comes
 * back after SIGCONT. `lost` is called when the user's terminal, or whoever reads the output, is gone.
 */
export function relayTerminal(master: number, lost: () => void): Relay {
  const settings = terminalSettings(0);
  const restoreFlags = noteStdioFlags();
  const restore = (): void => {
    settings.restore();
    restoreFlags();
  };
  const follow = (): void => {
    copyWindowSize(0, master);
  };
  const onContinue = (): void => {
    settings.makeRaw();
    follow();
  };
  setNonBlocking(master);
  const screen = new Screen(master);
  process.once("exit", restore);
  process.on("SIGWINCH", follow);
  process.on("SIGCONT", onContinue);
  settings.makeRaw();
  follow();
  let gone = false;
  const onLost = (): void => {
    gone = true;
    lost();
  };
  screen.start(onLost);
  const keyboard = new Keyboard(master, onLost);

  return {
    async finish() {
      keyboard.stop();
      for (const name of enough) process.on(name, screen.lose);
      const grace = gone ? setTimeout(screen.lose, graceMs) : undefined;
      await screen.finish();
      clearTimeout(grace);
      for (const name of enough) process.off(name, screen.lose);
      process.off("SIGWINCH", follow);
      process.off("SIGCONT", onContinue);
      process.off("exit", restore);
      restore();
      closeSync(master);
    },
  };
}
