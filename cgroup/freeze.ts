import { existsSync } from "node:fs";
import { hasErrno, messageOf, SetupError } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import { pause } from "../src/core/pause.ts";
import { performCgroup } from "./action.ts";
import { CannotEnforceError } from "./cannot-enforce.ts";
import { absenceOf, type CgroupHost, type V1Host, type V2Host } from "./host.ts";
import { keyed } from "./keyed.ts";
import { checkPath, homeDirectory } from "./place.ts";
import { makeV1 } from "./plan.ts";
import { adopt, readFileIfAny } from "./processes.ts";
import { writeValues } from "./write-values.ts";

/** Processes in an uninterruptible wait freeze when that ends. */
const patienceMs = 10_000;

/** After so many looks in vain a v1 cgroup is thawed before it is told to freeze again. */
const thawEvery = 5;

/** Waits until `done`; the kernel gives no file to block on for this that Node could use synchronously. */
function awaitFrozen(
  directory: string,
  done: () => boolean,
  patience: number,
  again: (round: number) => void = () => undefined,
): void {
  const deadline = Date.now() + patience;
  for (let ms = 0.2, round = 1; !done(); ms = Math.min(ms * 2, 20), round++) {
    if (Date.now() > deadline) {
      throw new SetupError(
        `cgroup ${directory} does not freeze: some process of it hangs in the kernel (see ps -o stat)`,
      );
    }
    pause(ms);
    again(round);
  }
}

function freezeV2(host: V2Host, path: string, patience: number): void {
  const directory = join(host.root, path);
  writeValues(join(directory, "cgroup.freeze"), ["1"]);
  awaitFrozen(
    directory,
    () => keyed(readFileIfAny(join(directory, "cgroup.events")), "frozen") === 1,
    patience,
  );
}

/**
 * The freezer hierarchy is joined only now. A process moved into a frozen cgroup freezes, and what is frozen starts no
 * other, so the moving comes to an end.
 */
function freezeV1(host: V1Host, path: string, patience: number): void {
  const mountPoint = host.controllers.get("freezer");
  if (mountPoint === undefined) throw new CannotEnforceError("pause", "no freezer hierarchy is mounted");
  const directory = join(mountPoint, path);
  const state = join(directory, "freezer.state");
  if (readFileIfAny(state) === undefined) {
    for (const action of makeV1(host, "freezer", path)) performCgroup(action);
  }
  writeValues(state, ["FROZEN"]);
  adopt(homeDirectory(host, path), directory);
  const frozen = (): boolean => readFileIfAny(state)?.trim() === "FROZEN";
  awaitFrozen(directory, frozen, patience, (round) => {
    if (frozen()) return;
    // A process that was just being started, or moved, can miss being told: then it is told again, and where that does
    // not help all run on for a moment first.
    if (round % thawEvery === 0) writeValues(state, ["THAWED"]);
    writeValues(state, ["FROZEN"]);
    adopt(homeDirectory(host, path), directory);
  });
}

/**
 * Stops every process of a container where it is; returns when all stand still. Frozen ones stay frozen.
 * @throws SetupError, everything running again, when that does not come about in time.
 */
export function freeze(host: CgroupHost, path: string, patience: number = patienceMs): void {
  checkPath(path);
  const absence = absenceOf(host);
  if (absence !== undefined) throw new CannotEnforceError("pause", absence);
  if (!existsSync(homeDirectory(host, path)))
    throw new SetupError(`cannot pause: cgroup ${path} does not exist`);
  try {
    if (host.driver === "v2") freezeV2(host, path, patience);
    else freezeV1(host, path, patience);
  } catch (error) {
    thaw(host, path);
    if (!hasErrno(error, "ENOENT")) throw error;
    throw new SetupError(`cannot pause: ${messageOf(error)}`, { cause: error });
  }
}

/** Lets every process of a container run again; nothing to do is success. */
export function thaw(host: CgroupHost, path: string): void {
  checkPath(path);
  try {
    if (host.driver === "v2") writeValues(join(host.root, path, "cgroup.freeze"), ["0"]);
    else writeValues(join(host.controllers.get("freezer") ?? "/nowhere", path, "freezer.state"), ["THAWED"]);
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENODEV")) throw error;
  }
}

/** True while a container is frozen. */
export function isFrozen(host: CgroupHost, path: string): boolean {
  checkPath(path);
  if (host.driver === "v2") {
    return keyed(readFileIfAny(join(host.root, path, "cgroup.events")), "frozen") === 1;
  }
  const mountPoint = host.controllers.get("freezer");
  if (mountPoint === undefined) return false;
  const file = join(mountPoint, path, "freezer.state");
  // Mostly it has never been paused: an error that is thrown would cost more than this look.
  return existsSync(file) && readFileIfAny(file)?.trim() === "FROZEN";
}
