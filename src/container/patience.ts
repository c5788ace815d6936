import type { Program } from "../program/step.ts";
import { signalProcess } from "../sys/pidfd.ts";
import { isHungUp, isReadable } from "../sys/poll.ts";
import type { Interruption } from "./interruption.ts";
import { kill, type Launched } from "./launch.ts";
import type { Stream } from "./streams.ts";

const SIGKILL = 9;
/** What does not hang answers within so long: to wait for it at once is the fastest. A signal of ours ends that. */
const promptMs = 50;
/** From then on others that we serve have their turn, and signals are seen, between two looks. */
const patientMs = 10;

/** `isReadable` or `isHungUp`: what is waited for. */
type Look = (fd: number, ms: number) => boolean;

/** Waits until `look` finds it on the stream; false when `over` says first that it has been enough. */
async function until({ fd }: Stream, look: Look, over: () => boolean): Promise<boolean> {
  for (let ms = promptMs; !look(fd, ms); ms = 0) {
    await new Promise((resolve) => setTimeout(resolve, patientMs));
    // First: a signal that came because it has just happened must not be taken for one that came before.
    if (look(fd, 0)) return true;
    if (over()) return false;
  }
  return true;
}

/**
 * Waits until the next message can be read without waiting. What the child does may hang, as mounts of a dead server do:
 * the user's signals are seen meanwhile.
 * @throws MdockerError when one has asked us to end.
 */
export async function awaitMessage(stream: Stream, interruption: Interruption | undefined): Promise<void> {
  await until(stream, isReadable, () => {
    interruption?.refuse();
    return false;
  });
}

/** Kills a launched container and waits as asked; should the user insist, no longer, and the monitor is killed too. */
async function end(
  launched: Launched,
  program: Program,
  interruption: Interruption | undefined,
  [stream, look]: readonly [Stream, Look],
): Promise<boolean> {
  const over = (): boolean => interruption?.insisted === true;
  const killMonitor = (): void => {
    signalProcess(launched.monitor, SIGKILL);
  };
  // A launcher that has not even cloned yet tells so by its end.
  if (launched.child === undefined && !(await until(launched.control, isReadable, over))) killMonitor();
  kill(launched, program);
  const ended = await until(stream, look, over);
  if (!ended) killMonitor();
  return ended;
}

/**
 * Ends a launched container whose start has failed. True when `failureOf` can tell why without waiting; false when the
 * user did not want to wait for that.
 */
export async function endChild(
  launched: Launched,
  program: Program,
  interruption: Interruption | undefined,
): Promise<boolean> {
  return launched.sync.closed || end(launched, program, interruption, [launched.sync, isReadable]);
}

/** Ends a launched container, should it not have ended, and its monitor: `abandon` need not wait then. */
export async function endMonitor(
  launched: Launched,
  program: Program,
  interruption: Interruption | undefined,
): Promise<void> {
  if (!launched.control.closed) await end(launched, program, interruption, [launched.control, isHungUp]);
}
