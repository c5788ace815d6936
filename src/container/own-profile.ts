import { messageOf } from "../core/errors.ts";
import { isLoaded, loadDefault, withoutDefault } from "../security/apparmor/load.ts";
import { defaultProfile } from "../security/apparmor/profile.ts";

/** Whose profile it is going to be. */
export interface OwnProfileRequest {
  /** By --security-opt: then there is no doing without. */
  readonly asked: boolean;
  /** The container has the host's processes before it. */
  readonly seesHost: boolean;
  /** Nothing is loaded. */
  readonly peek: boolean;
  /** Takes a line for the user: what is less than usual. */
  readonly note: (line: string) => void;
}

/**
 * Has the kernel know a profile of mdocker's own again that a container was given. Others take it away: `aa-remove-unknown`
 * does with all that no file of the host's has. One of another version of mdocker cannot be had back.
 * @throws SetupError
 */
export function restoreOwnProfile(name: string): void {
  for (const seesHost of [false, true]) if (defaultProfile(seesHost).name === name) loadDefault(seesHost);
}

/**
 * The name of mdocker's own profile of AppArmor, which the kernel knows from here on; undefined on a host that cannot load
 * it.
 * @throws SetupError when it was asked for and cannot be had
 */
export function planOwnProfile({ asked, seesHost, peek, note }: OwnProfileRequest): string | undefined {
  const { name } = defaultProfile(seesHost);
  if (isLoaded(name) === true) return name;
  // Doctor tells.
  if (!asked && withoutDefault() !== undefined) return undefined;
  if (peek) return name;
  try {
    return loadDefault(seesHost);
  } catch (error) {
    if (asked) throw error;
    note(`warning: ${messageOf(error)}; without it, as with --security-opt apparmor=unconfined`);
    return undefined;
  }
}
