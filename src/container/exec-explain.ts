import { closeSync } from "node:fs";
import type { PlannedAction } from "../core/explain.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { planExec } from "./exec-plan.ts";
import type { ExecLifetime, ExecRequest } from "./exec-request.ts";
import { describeProgram } from "./explain.ts";
import { newId } from "./names.ts";
import type { ContainerRecord } from "./record.ts";
import { containerPaths } from "./store.ts";

/** The whole plan of an exec, nothing done. @throws as startExec, as far as it can be known now. */
export function explainExec(
  instance: Instance,
  container: ContainerRecord,
  request: ExecRequest,
  lifetime: ExecLifetime,
): PlannedAction[] {
  const id = newId();
  const { program, pidfd, init } = planExec(instance, container, request, { id, lifetime });
  closeSync(pidfd);
  const directory = join(containerPaths(instance, container.id).run, "exec", id);
  const action = (kind: PlannedAction["kind"], text: string, reason: string): PlannedAction => ({
    kind,
    text,
    reason,
    by: "parent",
  });
  return [
    action(
      "process",
      `pidfd_open(${init.pid}), and look at its start time`,
      "pid 1 of the container and no other that may have its number",
    ),
    action("file", `make directory ${directory}`, "the intent is on record before anything is done"),
    action(
      "process",
      "posix_spawn(init, from a sealed memfd)",
      "the launcher, later the monitor; what it does meanwhile is listed below",
    ),
    action("file", `write ${join(directory, "record.json")}`, "its pid, for whoever asks"),
    action("process", "write 1 byte to the child", "it is on record: on to the command"),
    ...describeProgram(program, { child: "command" }),
  ];
}
