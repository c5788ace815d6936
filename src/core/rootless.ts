import { readFileSync } from "node:fs";
import { UsageError } from "./errors.ts";
import { join } from "./join.ts";

/**
 * The variable that tells an mdocker that it is root in the namespaces of an ordinary user only: init/start.c sets it,
 * and takes it out of every environment that it comes with. Its value is the user's id on the host.
 */
const rootlessVariable = "MDOCKER_ROOTLESS";

/** The user's id on the host when we are root in the user's own namespaces; undefined when we are what we seem. */
export function rootlessUser(env: NodeJS.ProcessEnv = process.env): number | undefined {
  const value = env[rootlessVariable];
  return value === undefined ? undefined : Number(value);
}

/** True when we are root in the namespaces of an ordinary user. */
export function isRootless(): boolean {
  return process.env[rootlessVariable] !== undefined;
}

/** A directory that the XDG specification names; one that is not absolute is to be ignored. */
function named(value: string | undefined): string | undefined {
  return value?.startsWith("/") ? value.replace(/\/+$/, "") : undefined;
}

/**
 * Where the state of an ordinary user's mdocker is, the holder's socket in it: below XDG_RUNTIME_DIR, else
 * /tmp/mdocker-UID. init/start.c says the same.
 */
export function runtimeDirectory(env: NodeJS.ProcessEnv, uid: number): string {
  const directory = env["XDG_RUNTIME_DIR"];
  return directory?.startsWith("/") ? `${directory}/mdocker` : `/tmp/mdocker-${uid}`;
}

/** Where the holder of a user's namespaces takes requests. */
export function holderSocket(env: NodeJS.ProcessEnv, uid: number): string {
  return `${runtimeDirectory(env, uid)}/holder/socket`;
}

/** Where an ordinary user's images and containers are: below XDG_DATA_HOME, else ~/.local/share. @throws UsageError */
export function dataDirectory(env: NodeJS.ProcessEnv): string {
  const own = named(env["XDG_DATA_HOME"]);
  if (own !== undefined) return join(own, "mdocker");
  const home = named(env["HOME"]);
  if (home === undefined)
    throw new UsageError(
      "HOME: expected an absolute path: images and containers are kept in ~/.local/share/mdocker",
    );
  return join(home, ".local/share/mdocker");
}

let highest: number | undefined;

/** The highest group id that there is: all from 0 on are, user_namespaces(7). */
export function highestId(): number {
  if (!isRootless()) return 2 ** 31 - 1;
  highest ??= Math.max(
    ...readFileSync("/proc/self/gid_map", "utf8")
      .trim()
      .split("\n")
      .map((line) => {
        const [first, , count] = line.trim().split(/\s+/).map(Number);
        return (first ?? 0) + (count ?? 1) - 1;
      }),
  );
  return Math.min(highest, 2 ** 31 - 1);
}

/** True where the user's namespaces have no id but 0: newuidmap(1) or the ranges of /etc/subuid are missing. */
export function hasOneId(): boolean {
  return isRootless() && highestId() === 0;
}

/** Who can own what `id` should own: where there is one id only, that one. */
export function ownable(id: number): number {
  return id !== 0 && hasOneId() ? 0 : id;
}
