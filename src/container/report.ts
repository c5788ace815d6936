import type { Observer } from "../core/explain.ts";
import { parts } from "../program/step.ts";
import { describeProgram, describeStep } from "./explain.ts";
import type { Start } from "./perform.ts";
import type { StartStep } from "./step.ts";
import type { Stream } from "./streams.ts";

/** How long each step of the program took, in milliseconds, by its number through all parts. */
function durationsOf(trace: Stream): ReadonlyMap<number, number> {
  const durations = new Map<number, number>();
  // The stream ends when the launcher has become the monitor and the child, or the command, has given it up.
  for (let message = trace.receive(); message !== undefined; message = trace.receive()) {
    if (message.kind === "timed") durations.set(message.step, message.nanoseconds / 1e6);
  }
  return durations;
}

/**
 * Tells of the launcher's, the child's and the command's calls, as they were made, each with its duration. Of a start
 * that has failed, when its processes have ended: up to the call that failed. Says nothing the second time.
 * @param running The last of them, execve, has worked.
 */
export function reportProgram({ launched, prepared }: Start, observer: Observer, running: boolean): void {
  const trace = launched?.trace;
  if (trace === undefined || trace.closed) return;
  const durations = durationsOf(trace);
  trace.close();
  const { program } = prepared;
  const steps = parts.flatMap((part) => program.parts[part]);
  // The call that took over the process could not tell how long it took: the first execve that did not fail.
  const last = running ? steps.findIndex(({ call }, at) => call === "execve" && !durations.has(at)) : -1;
  describeProgram(program).forEach((action, at) => {
    const ms = durations.get(at);
    // What was not made is not told: steps passed over, and what the monitor does when the container has ended.
    if (ms !== undefined) observer({ ...action, ms });
    else if (at === last) observer(action);
  });
}

/**
 * Tells the observer what a step has done, as `--explain` lists it. Network steps tell by themselves; the program's
 * calls are told when the command runs, as only then all of them have been made.
 */
export function reportStep(start: Start, step: StartStep, ms: number, observer: Observer): void {
  switch (step.kind) {
    case "network":
    case "connect":
    case "publish":
    case "loopback":
      return;
    default: {
      // One duration for what was done in one go.
      const [first, ...others] = describeStep(start.prepared, step, start.leases);
      if (first !== undefined) observer({ ...first, ms });
      for (const action of others) observer(action);
    }
  }
  if (step.kind === "go") reportProgram(start, observer, true);
}
