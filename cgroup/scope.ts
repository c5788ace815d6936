import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { hasErrno, messageOf, SetupError } from "../src/core/errors.ts";
import { builtFile } from "../src/core/home.ts";
import { join } from "../src/core/join.ts";
import { pause } from "../src/core/pause.ts";
import { lockDescriptor } from "../src/sys/flock.ts";
import { makePipe } from "../src/sys/pipe.ts";
import { reap, spawnProcess } from "../src/sys/spawn.ts";
import { SystemdError, SystemdManager } from "../src/sys/systemd.ts";
import type { CgroupHost, Scope } from "./host.ts";
import { scopePath } from "./place.ts";
import { readFileIfAny } from "./processes.ts";
import { writeValues } from "./write-values.ts";

const [slice = "", unit = ""] = scopePath.split("/");

/** The cgroup in the scope for processes that are no container's: a cgroup with children must not have any itself. */
const holderGroup = "holder";

/** How the process is called that keeps the scope: argv[0]. */
const holderName = "mdocker-scope";

/** How long systemd may take to make the scope, or to take down the last one. */
const patienceMs = 10_000;
/** How long who is making the scope beside us may take to put its holder into its place. */
const neighbourMs = 500;

/** The processes in this very cgroup; none where there is no such cgroup. */
function membersOf(directory: string): number[] {
  return (readFileIfAny(join(directory, "cgroup.procs")) ?? "").split("\n").filter(Boolean).map(Number);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already.
  }
  reap(pid, false);
}

/** A process that only waits: a scope is there as long as somebody is in it. */
interface Holder {
  readonly pid: number;
  /** Until something is written there it ends with us, should we be killed. */
  readonly word: number;
}

function spawnHolder(): Holder {
  const nothing = openSync("/dev/null", "r+");
  const [heard, word] = makePipe();
  try {
    const pid = spawnProcess({
      path: builtFile(`holder-${process.arch}`),
      argv: [holderName],
      fds: new Map([
        [0, heard],
        [1, nothing],
        [2, nothing],
      ]),
    });
    return { pid, word };
  } catch (error) {
    closeSync(word);
    throw error;
  } finally {
    closeSync(nothing);
    closeSync(heard);
  }
}

/** Waits until `is` says so; false when it has not within `ms`. */
function awaited(ms: number, is: () => boolean): boolean {
  const deadline = Date.now() + ms;
  for (let wait = 1; !is(); wait = Math.min(wait * 2, 20)) {
    if (Date.now() > deadline) return false;
    pause(wait);
  }
  return true;
}

/** Whoever is in the scope itself goes where they are in nobody's way. */
function settle(directory: string): void {
  const home = join(directory, holderGroup);
  mkdirSync(home, { recursive: true });
  for (const pid of membersOf(directory)) {
    try {
      writeValues(join(home, "cgroup.procs"), [String(pid)]);
    } catch (error) {
      // Ended meanwhile.
      if (!hasErrno(error, "ESRCH")) throw error;
    }
  }
}

/** One attempt to have a scope with a holder in it. @throws SystemdError */
function start(directory: string, scope: Scope): void {
  const home = join(directory, holderGroup);
  const isHeld = (): boolean => membersOf(home).length > 0;
  const { pid, word } = spawnHolder();
  try {
    const manager = new SystemdManager(scope.user);
    try {
      manager.startScope(unit, slice, "mdocker: the cgroups of its containers", [pid]);
      const isThere = (): boolean => readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`/${scopePath}`);
      awaited(patienceMs, () => isThere() || !manager.knows(unit));
      const log = `journalctl ${scope.user ? "--user " : ""}--unit ${unit}`;
      if (!isThere()) throw new SystemdError("", `${unit} was not started: see ${log}`);
    } catch (error) {
      if (!(error instanceof SystemdError) || !error.busName.endsWith(".UnitExists")) throw error;
      // Somebody has made it at the same time; or its holder has been killed.
      if (awaited(neighbourMs, isHeld)) {
        kill(pid);
        return;
      }
      manager.attach(unit, `/${holderGroup}`, [pid]);
    } finally {
      manager[Symbol.dispose]();
    }
    settle(directory);
    writeSync(word, "k");
  } catch (error) {
    kill(pid);
    throw error;
  } finally {
    closeSync(word);
  }
}

/** Puts this process where it may put others into cgroups of the scope: cgroup-v2.rst, "Delegation Containment". */
function enter(): void {
  const manager = new SystemdManager(true);
  try {
    manager.attach(unit, `/${holderGroup}`, [process.pid]);
  } finally {
    manager[Symbol.dispose]();
  }
}

function isInside(scope: Scope): boolean {
  return !scope.outside || readFileSync("/proc/self/cgroup", "utf8").includes(`/${scopePath}/`);
}

function tryOpen(directory: string): number | undefined {
  try {
    return openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENODEV")) return undefined;
    throw error;
  }
}

/**
 * Does something in the scope, which is asked of systemd where it is not there (systemd's "Control Group APIs and
 * Delegation"): nobody ends it meanwhile. Its holder stays, so that only the first container has to ask. `act` must be
 * synchronous.
 * @param root The cgroup of the scope's manager.
 * @throws SetupError when systemd does not make it
 */
export function withScope<T>(root: string, scope: Scope, act: () => T): T {
  const directory = join(root, scopePath);
  const home = join(directory, holderGroup);
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const lock = tryOpen(home);
    if (lock !== undefined) {
      try {
        lockDescriptor(lock, "shared", home);
        if (membersOf(home).length > 0) {
          if (!isInside(scope)) enter();
          return act();
        }
      } finally {
        closeSync(lock);
      }
    }
    try {
      if (Date.now() > deadline) throw new SystemdError("", `nobody stays in ${unit}`);
      start(directory, scope);
    } catch (error) {
      // Those of the last one are being taken down.
      if (error instanceof SystemdError && error.busName !== "" && Date.now() < deadline) pause(20);
      else
        throw new SetupError(
          `cgroups: ${messageOf(error)} (MDOCKER_CGROUP_MANAGER=cgroupfs does without systemd)`,
          { cause: error },
        );
    }
  }
}

/** Brings this process to where it may put others into the cgroups of containers, should it not be. @throws SetupError */
export function enterTree(host: CgroupHost): void {
  if (host.driver === "v2" && host.scope?.outside === true) withScope(host.root, host.scope, () => undefined);
}

/** Ends the scope when no container is in it; false where there is none, or some are. */
export function endScope(root: string): boolean {
  const directory = join(root, scopePath);
  const home = join(directory, holderGroup);
  const lock = tryOpen(home);
  if (lock === undefined) return false;
  try {
    if (!lockDescriptor(lock, "alone, if at once", home)) return false;
    const others = readdirSync(directory, { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && entry.name !== holderGroup,
    );
    const holders = membersOf(home);
    // A user's other commands are here, too: the supervisor, ourselves.
    const isHolder = (pid: number): boolean => readFileIfAny(`/proc/${pid}/cmdline`) === `${holderName}\0`;
    if (others.length > 0 || holders.length === 0 || !holders.every(isHolder)) return false;
    for (const pid of holders) kill(pid);
    return true;
  } finally {
    closeSync(lock);
  }
}
