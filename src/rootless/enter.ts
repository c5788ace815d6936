import { closeSync, existsSync, lstatSync, rmSync } from "node:fs";
import { MdockerError, messageOf, SetupError } from "../core/errors.ts";
import { home } from "../core/home.ts";
import { join } from "../core/join.ts";
import { makeDirectories } from "../core/make-directories.ts";
import { becomeProgram, passOn } from "../sys/exec.ts";
import { releaseLock, takeLock } from "../sys/flock.ts";
import { connectUnix } from "../sys/unix-socket.ts";
import { makeHolder } from "./make.ts";
import { type HolderPlace, holderPlace } from "./place.ts";

/** The longest path of a unix socket, less what is appended to it. */
const longestSocket = 96;

function isHeld(place: HolderPlace): boolean {
  try {
    closeSync(connectUnix(place.socket));
    return true;
  } catch {
    return false;
  }
}

/** @throws SetupError where another user could put something there */
function ensureOwn(directory: string, uid: number): void {
  makeDirectories(directory);
  for (const path of [directory, directory.slice(0, directory.lastIndexOf("/"))]) {
    const about = lstatSync(path);
    if (!about.isDirectory() || about.uid !== uid || (about.mode & 0o022) !== 0)
      throw new SetupError(
        `rootless: ${path}: expected a directory of yours that nobody else can write to: remove it, or set XDG_RUNTIME_DIR`,
      );
  }
}

/**
 * Becomes an mdocker in the user's own namespaces, which are made first where there are none: init/start.c joins them.
 * Returns only by throwing.
 * @throws SetupError with what is missing
 */
export function enterNamespaces(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): never {
  const uid = process.geteuid?.() ?? 0;
  const place = holderPlace(env, uid);
  const { MDOCKER_ENTERING: before, ...rest } = env;
  if (before !== undefined)
    throw new SetupError(
      "rootless: the namespaces end as soon as they are made: see mdocker doctor --rootless",
    );
  if (place.socket.length > longestSocket)
    throw new SetupError(
      `rootless: ${place.socket}: too long for a socket: set XDG_RUNTIME_DIR to a shorter path`,
    );
  const next: NodeJS.ProcessEnv = { ...rest, MDOCKER_ENTERING: "1" };
  const program = join(home, "bin/mdocker");
  if (!existsSync(program))
    throw new SetupError(`rootless: ${program} is missing, which joins namespaces: run make build`);
  let lock: number | undefined;
  try {
    ensureOwn(place.directory, uid);
    lock = takeLock(place.lock, true);
    if (!isHeld(place) && lock !== undefined) {
      rmSync(place.socket, { force: true });
      const { pid, notes } = makeHolder(place, env);
      for (const note of notes) say(`rootless: ${note}`);
      next["MDOCKER_NEW_HOLDER"] = String(pid);
      next["MDOCKER_HOLDER_LOCK"] = String(lock);
      passOn(lock);
    }
  } catch (error) {
    // A second attempt must not wait for this one.
    if (lock !== undefined) releaseLock(lock);
    if (error instanceof MdockerError && error.message.startsWith("rootless: ")) throw error;
    throw new SetupError(`rootless: ${messageOf(error)}`, { cause: error });
  }
  // Node has marked its own three, too.
  for (const fd of [0, 1, 2]) passOn(fd);
  return becomeProgram(program, ["mdocker", ...words], next);
}
