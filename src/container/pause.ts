import { freeze, isFrozen, thaw } from "../../cgroup/freeze.ts";
import { detectCgroups } from "../../cgroup/host.ts";
import { ConflictError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { isAlive } from "../sys/process.ts";
import { changeRunningRecord } from "./change-record.ts";
import { noteLateCgroups } from "./late-cgroups.ts";
import type { ContainerRecord } from "./record.ts";

/** The cgroup of a container whose command runs. @throws ConflictError */
function runningCgroup({ name, state, init, cgroup }: ContainerRecord): string {
  const runs = (state === "running" || state === "paused") && init !== undefined && isAlive(init);
  if (!runs || cgroup === undefined) throw new ConflictError(`container ${name} is not running`);
  return cgroup;
}

/** Stops every process of a container where it is. @throws ConflictError when it does not run, or is paused already. */
export function pauseContainer(instance: Instance, record: ContainerRecord): void {
  const cgroup = runningCgroup(record);
  const host = detectCgroups();
  if (isFrozen(host, cgroup)) throw new ConflictError(`container ${record.name} is already paused`);
  noteLateCgroups(instance, record.id);
  freeze(host, cgroup);
  changeRunningRecord(instance, record.id, (now) => ({ ...now, state: "paused" }));
}

/** Lets a paused container run on. @throws ConflictError when it is not paused. */
export function unpauseContainer(instance: Instance, record: ContainerRecord): void {
  const cgroup = runningCgroup(record);
  const host = detectCgroups();
  if (!isFrozen(host, cgroup)) throw new ConflictError(`container ${record.name} is not paused`);
  thaw(host, cgroup);
  changeRunningRecord(instance, record.id, (now) => ({ ...now, state: "running" }));
}
