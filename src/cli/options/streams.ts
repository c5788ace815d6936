import type { RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import type { Flags } from "../flags.ts";
import type { HostView } from "../host-view.ts";
import type { OptionTable } from "../option-row.ts";
import type { Life } from "./life.ts";

export const streamOptions: OptionTable = {
  heading: "Command:",
  rows: [
    {
      flags: "-i, --interactive",
      about: "pass stdin on (implied, with -t, when stdin and stdout are terminals)",
    },
    { flags: "-t, --tty", about: "give the command a terminal of its own" },
  ],
};

/** Whether stdin is passed on, and whether the command gets a terminal. @throws UsageError */
export function readStreams(
  flags: Flags,
  view: HostView,
  life: Life = "foreground",
): Pick<RunRequest, "interactive" | "terminal"> {
  const [interactive, terminal] = [flags.flag("interactive"), flags.flag("tty")];
  // Whoever attaches to it later may have a terminal, or none.
  if (life === "detached") return { interactive: interactive ?? false, terminal: terminal ?? false };
  if (terminal === true && !view.stdin) {
    throw new UsageError("the input device is not a TTY: leave out -t, or run it from a terminal");
  }
  // Whoever named one of them means exactly that one, as in docker.
  const implied = interactive !== true && terminal !== true && view.stdin && view.stdout;
  return { interactive: interactive ?? implied, terminal: terminal ?? (implied && interactive !== false) };
}
