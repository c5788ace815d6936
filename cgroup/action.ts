import { closeSync, constants, mkdirSync, openSync, readFileSync, rmdirSync } from "node:fs";
import { hasErrno, messageOf, SetupError } from "../src/core/errors.ts";
import type { PlannedAction } from "../src/core/explain.ts";
import { join } from "../src/core/join.ts";
import { attachDeviceProgram } from "../src/sys/bpf.ts";
import { CannotEnforceError } from "./cannot-enforce.ts";
import type { Scope, V2Host } from "./host.ts";
import type { LimitTarget } from "./limit.ts";
import { grantRealTime } from "./v1/real-time.ts";
import { shareProtection } from "./v2/protection.ts";
import { writeValues } from "./write-values.ts";

/** What is done to set up a cgroup. Every action also says what it is, for `--explain`. */
export type CgroupAction = PlannedAction &
  (
    | {
        readonly op: "make";
        readonly mountPoint: string;
        readonly path: string;
        /** To be done by cgroup/scope.ts withScope: performCgroup does not ask systemd. */
        readonly scope?: Scope | undefined;
      }
    /** v2: hands controllers down to the children of `directory`. */
    | { readonly op: "enable"; readonly directory: string; readonly controllers: readonly string[] }
    /** v2: the cgroups above can give what this one has been promised: cgroup/v2/protection.ts. */
    | { readonly op: "protect"; readonly host: V2Host; readonly path: string }
    /** v1 cpusets are born empty, and nothing can run in them: copies the parent's value if there is none. */
    | { readonly op: "inherit"; readonly parent: string; readonly directory: string; readonly file: string }
    /** v1: real-time CPU time for the cgroup above a container's, a part of the time. */
    | {
        readonly op: "grant";
        readonly parent: string;
        readonly child: string;
        readonly part: number;
      }
    | {
        readonly op: "write";
        readonly directory: string;
        readonly option: string;
        readonly targets: readonly LimitTarget[];
      }
    | { readonly op: "devices"; readonly directory: string; readonly program: Uint8Array }
  );

/** How often a cgroup that was left behind is removed before it is given up on. */
const attempts = 100;

/** A cgroup that is there already is one that was left behind: it is made anew, so that no limit or count of it stays. */
function removeLeftover(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return;
    if (!hasErrno(error, "EBUSY")) throw error;
    throw new SetupError(`cgroup ${directory} exists already and is in use (see its cgroup.procs)`, {
      cause: error,
    });
  }
}

/** The cgroups above may vanish at any time: another container that was the last in them has just ended. */
function make(mountPoint: string, path: string): void {
  const directory = join(mountPoint, path);
  try {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      // Recursive costs nothing when what is above exists, and says by its result whether this one did.
      if (mkdirSync(directory, { recursive: true }) !== undefined) return;
      removeLeftover(directory);
    }
  } catch (error) {
    if (error instanceof SetupError) throw error;
    const why = hasErrno(error, "EROFS") ? `${mountPoint} is mounted read-only` : messageOf(error);
    throw new SetupError(`cannot make cgroup ${directory}: ${why}`, { cause: error });
  }
  throw new SetupError(`cannot make cgroup ${directory}: something else makes it again and again`);
}

function enable(directory: string, controllers: readonly string[]): void {
  const file = join(directory, "cgroup.subtree_control");
  const enabled = readFileSync(file, "utf8").split(/\s+/);
  const missing = controllers.filter((name) => !enabled.includes(name));
  if (missing.length === 0) return;
  try {
    writeValues(file, [missing.map((name) => `+${name}`).join(" ")]);
  } catch (error) {
    const why = hasErrno(error, "EBUSY")
      ? `processes live in ${directory} itself, and cgroup v2 hands controllers down only from a cgroup without any: move them into a child of it`
      : messageOf(error);
    throw new SetupError(`cannot enable cgroup controllers ${missing.join(", ")} in ${directory}: ${why}`, {
      cause: error,
    });
  }
}

function inherit(parent: string, directory: string, file: string): void {
  const own = join(directory, file);
  if (readFileSync(own, "utf8").trim() !== "") return;
  writeValues(own, [readFileSync(join(parent, file), "utf8").trim()]);
}

const hints: Readonly<Record<string, string>> = {
  EINVAL: "the kernel does not take this value here, or a parent cgroup allows less",
  ERANGE: "more than this host has",
  ENODEV: "there is no such block device",
  EBUSY: "more is in use than can be taken back",
  EACCES: "a parent cgroup allows less",
  EPERM: "not permitted in this cgroup",
};

function write(directory: string, option: string, targets: readonly LimitTarget[]): void {
  for (const { file, values } of targets) {
    const path = join(directory, file);
    try {
      writeValues(path, values);
      return;
    } catch (error) {
      if (hasErrno(error, "ENOENT")) continue;
      const [errno = messageOf(error)] = Object.keys(hints).filter((name) => hasErrno(error, name));
      const hint = hints[errno] === undefined ? "" : ` (${hints[errno]})`;
      const why = `write ${values.join(", ")} to ${path}: ${errno}${hint}`;
      throw new CannotEnforceError(option, why, { cause: error });
    }
  }
  const files = targets.map(({ file }) => file).join(" or ");
  throw new CannotEnforceError(option, `this kernel has no ${files} in ${directory}`);
}

function attachDevices(directory: string, program: Uint8Array): void {
  const cgroup = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    attachDeviceProgram(cgroup, program);
  } catch (error) {
    throw new CannotEnforceError("device rules", messageOf(error), { cause: error });
  } finally {
    closeSync(cgroup);
  }
}

/**
 * Does one action of a plan. Synchronous: a few dozen microseconds each.
 * @throws CannotEnforceError when the kernel refuses a limit or lacks it, SetupError when the cgroup cannot be made.
 */
export function performCgroup(action: CgroupAction): void {
  switch (action.op) {
    case "make":
      make(action.mountPoint, action.path);
      break;
    case "enable":
      enable(action.directory, action.controllers);
      break;
    case "protect":
      shareProtection(action.host, action.path);
      break;
    case "inherit":
      inherit(action.parent, action.directory, action.file);
      break;
    case "grant":
      grantRealTime(action.parent, action.child, action.part);
      break;
    case "write":
      write(action.directory, action.option, action.targets);
      break;
    case "devices":
      attachDevices(action.directory, action.program);
      break;
    default:
      action satisfies never;
  }
}
