import { closeSync, openSync } from "node:fs";
import { ExitCode, MdockerError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { exitCodeOf } from "../program/message.ts";
import { finishExec, leaveExec, type StartedExec, startExec } from "./exec.ts";
import type { ExecRequest } from "./exec-request.ts";
import type { ContainerRecord } from "./record.ts";
import { catchSignals, type Signals, signalCode } from "./signals.ts";

/** Passes output, keys, signals and resizes on, until the monitor says how the command ended. Returns its wait status. */
async function attend({ launched, record, terminal }: StartedExec, signals: Signals): Promise<number> {
  const relay =
    terminal === undefined ? undefined : (await import("./relay.ts")).relayTerminal(terminal, signals.hangUp);
  signals.forwardTo(record.process);
  try {
    const message = await launched.control.receiveLater();
    if (message?.kind === "exited") return message.status;
    throw new MdockerError("the monitor of the command is gone; the command was ended", ExitCode.setup);
  } finally {
    signals.forwardTo(undefined);
    await relay?.finish();
  }
}

/**
 * Runs one more command in a running container, on our standard streams, to its end. Returns the exit code: the command's
 * own, or 128 and the signal. Should this process be killed, the command is.
 * @throws MdockerError as {@link startExec}.
 */
export async function runExec(
  instance: Instance,
  container: ContainerRecord,
  request: ExecRequest,
  { interactive }: { readonly interactive: boolean },
): Promise<number> {
  // The container's own /dev/null may be anything by now.
  const input = interactive ? 0 : openSync("/dev/null", "r");
  const signals = catchSignals();
  const refuse = (): void => {
    const [name] = signals.caught;
    if (name !== undefined)
      throw new MdockerError(`interrupted by ${name}: nothing was executed`, signalCode(name));
  };
  try {
    const started = await startExec(instance, container, request, {
      lifetime: "foreground",
      stdio: [input, 1, 2],
      refuse,
    });
    try {
      return exitCodeOf(await attend(started, signals));
    } finally {
      finishExec(instance, started);
    }
  } finally {
    signals.release();
    if (input !== 0) closeSync(input);
  }
}

/** Starts one more command in a running container and leaves it alone: nobody sees its output, or how it ends. */
export async function detachExec(
  instance: Instance,
  container: ContainerRecord,
  request: ExecRequest,
): Promise<void> {
  const nothing = openSync("/dev/null", "r+");
  try {
    leaveExec(
      await startExec(instance, container, request, {
        lifetime: "detached",
        stdio: [nothing, nothing, nothing],
      }),
    );
  } finally {
    closeSync(nothing);
  }
}
