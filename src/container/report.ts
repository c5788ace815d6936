import type { Observer, PlannedAction } from "../core/explain.ts";
import { parts } from "../program/step.ts";
import { describeStep } from "./explain.ts";
import type { Start } from "./perform.ts";
import type { StartStep } from "./step.ts";

/** How long each step of the program took, in milliseconds, by its number through all parts. */
function durationsOf(start: Start): ReadonlyMap<number, number> {
  const durations = new Map<number, number>();
  const trace = start.launched?.trace;
  // The stream ends when the launcher has become the monitor and the child, or the command, has given it up.
  for (let message = trace?.receive(); message !== undefined; message = trace?.receive()) {
    if (message.kind === "timed") durations.set(message.step, message.nanoseconds / 1e6);
  }
  return durations;
}

/** The launcher's, the child's and the command's calls, as they were made, each with its duration. */
function reportProgram(start: Start, planned: readonly PlannedAction[], observer: Observer): void {
  const durations = durationsOf(start);
  const { program } = start.prepared;
  let number = 0;
  let executed = false;
  for (const part of parts) {
    for (const step of program.parts[part]) {
      const action = planned[number];
      const ms = durations.get(number);
      number += 1;
      // What was not made: steps passed over, and what the monitor does when the container has ended.
      if (action !== undefined && ms !== undefined) observer({ ...action, ms });
      // The call that took over the process could not tell how long it took.
      if (action !== undefined && ms === undefined && step.call === "execve" && !executed) {
        executed = true;
        observer(action);
      }
    }
  }
}

/**
 * Tells the observer what a step has done, as `--explain` lists it. Network steps tell by themselves; the program's
 * calls are told when the command runs, as only then all of them have been made.
 */
export function reportStep(start: Start, step: StartStep, ms: number, observer: Observer): void {
  switch (step.kind) {
    case "network":
    case "connect":
    case "loopback":
      return;
    case "launch": {
      const [spawn] = describeStep(start.prepared, step);
      if (spawn !== undefined) observer({ ...spawn, ms });
      return;
    }
    case "go": {
      const [go] = describeStep(start.prepared, step);
      if (go !== undefined) observer({ ...go, ms });
      const [, ...program] = describeStep(start.prepared, { kind: "launch" });
      reportProgram(start, program, observer);
      return;
    }
    default: {
      // One duration for what was done in one go.
      const [first, ...others] = describeStep(start.prepared, step);
      if (first !== undefined) observer({ ...first, ms });
      for (const action of others) observer(action);
    }
  }
}
