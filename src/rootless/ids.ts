import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { messageOf } from "../core/errors.ts";
import { type IdRange, rangesOf } from "../core/id-ranges.ts";

/** The arguments of newuidmap(1) after the pid: the user as root, then what the ranges give. */
export function mapArguments(own: number, ranges: readonly IdRange[]): string[] {
  let inside = 1;
  const lines = ranges.flatMap(({ first, count }) => {
    const line = [inside, first, count];
    inside += count;
    return line;
  });
  return [0, own, 1, ...lines].map(String);
}

/** The name of who runs this; undefined where no database knows it. */
export function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** The ranges of who runs this. A file that is not there has none. */
export function ownRanges(file: "/etc/subuid" | "/etc/subgid", uid: number): IdRange[] {
  try {
    return rangesOf(readFileSync(file, "utf8"), userName(), uid);
  } catch {
    return [];
  }
}

/** Why a namespace has one id only; undefined when it has more. */
function mapByHelpers(pid: number, uid: number, gid: number): string | undefined {
  const [users, groups] = [ownRanges("/etc/subuid", uid), ownRanges("/etc/subgid", uid)];
  if (users.length === 0 || groups.length === 0)
    return `/etc/${users.length === 0 ? "subuid" : "subgid"} has no range for user ${userName() ?? uid}`;
  const run = (program: string, args: readonly string[]): void => {
    execFileSync(program, [String(pid), ...args], { stdio: ["ignore", "ignore", "pipe"] });
  };
  try {
    run("newuidmap", mapArguments(uid, users));
  } catch (error) {
    return messageOf(error).replace(/^Command failed: newuidmap .*\n/, "");
  }
  // With the users mapped there is no way back to the single id.
  run("newgidmap", mapArguments(gid, groups));
  return undefined;
}

/**
 * Maps the first process of new namespaces, so that we are its root: with the ranges of /etc/subuid and /etc/subgid by
 * newuidmap(1) and newgidmap(1), else ourselves alone, which needs nobody's help: user_namespaces(7). Returns why it had
 * to be ourselves alone; undefined when it had not.
 */
export function mapIds(pid: number): string | undefined {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const why = mapByHelpers(pid, uid, gid);
  if (why === undefined) return undefined;
  writeFileSync(`/proc/${pid}/uid_map`, `0 ${uid} 1`);
  writeFileSync(`/proc/${pid}/setgroups`, "deny");
  writeFileSync(`/proc/${pid}/gid_map`, `0 ${gid} 1`);
  return why;
}
