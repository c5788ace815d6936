import type { RunRequest } from "../../container/request.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { field } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

export const stoppingRows: OptionTable["rows"] = [
  { flags: "--stop-signal <signal>", about: "asks the command to end; else the image's, or SIGTERM" },
  { flags: "--stop-timeout <seconds>", about: "from that signal to SIGKILL (10); -1 is without end" },
];

/** A number of seconds until SIGKILL; -1 is without end. @throws UsageError */
export function parseSeconds(given: Given): number {
  if (!/^(-1|\d{1,9})$/.test(given.value)) return refuse(given, "a whole number of seconds, or -1");
  return Number(given.value);
}

/** How it is asked to end. @throws UsageError */
export async function readStopping(flags: Flags): Promise<Pick<RunRequest, "stopSignal" | "stopTimeout">> {
  const [signal, seconds] = [flags.one("stop-signal"), flags.one("stop-timeout")];
  if (signal !== undefined) {
    // Loaded only where it is needed: most starts name none.
    const { parseSignal } = await import("../../core/signal.ts");
    parseSignal(signal.value, signal.from);
  }
  return {
    ...field("stopSignal", signal?.value),
    ...field("stopTimeout", seconds === undefined ? undefined : parseSeconds(seconds)),
  };
}
