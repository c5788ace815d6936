import type { Prepared } from "./prepared.ts";
import type { StartStep } from "./step.ts";

/**
 * The start of a container as an ordered list. The child is launched as early as it can be, and builds its root while
 * the parent builds the network; it runs the command only when told to go.
 */
export function planStart(prepared: Prepared): StartStep[] {
  const { connections, cgroup, request } = prepared;
  const publishes = prepared.publishing !== undefined;
  // Ports first: one that is taken is found before anything is made.
  const steps: StartStep[] = publishes ? [{ kind: "ports" }] : [];
  steps.push({ kind: "reserve" }, { kind: "files" }, { kind: "layers" });
  cgroup.actions.forEach((action, i) => {
    steps.push({ kind: "cgroup", first: i === 0, action });
  });
  steps.push({ kind: "launch" });
  for (const connection of connections) {
    // The lease comes first: while it is held nobody takes the network down.
    steps.push({ kind: "lease", connection }, { kind: "network", connection });
    steps.push({ kind: "names", connection });
  }
  steps.push({ kind: "born" });
  for (const connection of connections) steps.push({ kind: "connect", connection });
  if (publishes) steps.push({ kind: "publish" });
  if (request.network.kind === "none") steps.push({ kind: "loopback" });
  steps.push({ kind: "hosts" }, { kind: "record" }, { kind: "go" });
  return steps;
}
