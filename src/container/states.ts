import type { ContainerState } from "./record.ts";

/** Which state may follow which. */
const transitions: Readonly<Record<ContainerState, readonly ContainerState[]>> = {
  creating: ["created", "running", "exited", "dead"],
  created: ["running", "exited", "dead"],
  running: ["paused", "exited", "dead"],
  paused: ["running", "exited", "dead"],
  exited: ["running", "dead"],
  dead: [],
};

/** True when a container in state `from` may go to state `to`. */
export function canGo(from: ContainerState, to: ContainerState): boolean {
  return transitions[from].includes(to);
}
