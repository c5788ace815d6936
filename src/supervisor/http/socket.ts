import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { hasErrno, SetupError } from "../../core/errors.ts";
import { makeDirectories } from "../../core/make-directories.ts";
import type { Listener } from "./listener.ts";

/** sun_path of unix(7), with its end. */
const longestPath = 107;

/** True when somebody takes connections at the socket `path`. */
export function isListenedTo(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      if (hasErrno(error, "ECONNREFUSED", "ENOENT")) resolve(false);
      // Its queue is full: somebody is there.
      else if (hasErrno(error, "EAGAIN")) resolve(true);
      else reject(error);
    });
  });
}

/** Takes away the socket that an earlier process has left. @throws SetupError when it is in use, or no socket */
async function removeStale(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return;
    throw error;
  }
  if (!isSocket) throw new SetupError(`${path}: cannot listen there: it exists and is no socket`);
  if (await isListenedTo(path)) throw new SetupError(`${path}: cannot listen there: another process does`);
  unlinkSync(path);
}

/** The number of a group of /etc/group; undefined when there is none of that name. */
function groupId(name: string): number | undefined {
  try {
    const line = readFileSync("/etc/group", "utf8")
      .split("\n")
      .find((entry) => entry.startsWith(`${name}:`));
    return line === undefined ? undefined : Number(line.split(":")[2]);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Lets the group pass through a folder that nobody but root may enter, as the state's own is: not read it. */
function letThrough(folder: string, gid: number): void {
  const { mode, uid } = lstatSync(folder);
  if (uid !== 0 || (mode & 0o7777) !== 0o700) return;
  chownSync(folder, 0, gid);
  chmodSync(folder, 0o710);
}

/**
 * Listens on the unix socket `path`, mode 0660, its group `group` where there is one of that name: who may write to it is
 * root in effect.
 * @throws SetupError
 */
export async function listenOnPath(listener: Listener, path: string, group: string): Promise<void> {
  if (Buffer.byteLength(path) > longestPath)
    throw new SetupError(`${path}: cannot listen there: a socket's path has at most ${longestPath} bytes`);
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  makeDirectories(folder);
  await removeStale(path);
  // It is made, and nobody may have it, before the first await.
  const umask = process.umask(0o177);
  const listening = listener.listen({ path });
  process.umask(umask);
  try {
    await listening;
  } catch (error) {
    throw new SetupError(
      `${path}: cannot listen there: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
      {
        cause: error,
      },
    );
  }
  const gid = groupId(group);
  if (gid !== undefined) {
    chownSync(path, 0, gid);
    letThrough(folder, gid);
  }
  chmodSync(path, 0o660);
}
