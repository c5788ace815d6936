import { spawnSync } from "node:child_process";
import { readTextIfAny } from "../../core/atomic.ts";
import { SetupError } from "../../core/errors.ts";
import { findProgram } from "../../sys/find-program.ts";
import { defaultProfile } from "./profile.ts";

/** The profiles that are loaded, `NAME (MODE)` a line. */
const loadedProfiles = "/sys/kernel/security/apparmor/profiles";

/** True when a profile is loaded; undefined where that is not to be seen: without securityfs, or for ordinary users. */
export function isLoaded(name: string): boolean | undefined {
  return readTextIfAny(loadedProfiles)
    ?.split("\n")
    .some((line) => line.startsWith(`${name} (`));
}

/** Why containers have no profile of AppArmor by default on this host, which has AppArmor; undefined: they have. */
export function withoutDefault(): string | undefined {
  if (readTextIfAny(loadedProfiles) === undefined) return `${loadedProfiles} cannot be read`;
  const { name } = defaultProfile(false);
  if (isLoaded(name) === true || findProgram("apparmor_parser") !== undefined) return undefined;
  return "apparmor_parser is not installed";
}

/**
 * Has the kernel know mdocker's own profile, once for each boot. Returns its name.
 * @throws SetupError when that cannot be
 */
export function loadDefault(seesHost: boolean): string {
  const { name, text } = defaultProfile(seesHost);
  if (isLoaded(name) === true) return name;
  const program = findProgram("apparmor_parser");
  if (program === undefined)
    throw new SetupError("apparmor_parser is not installed (Debian: apt-get install apparmor)");
  // Replacing: others may load it at the same moment. Not by execa, see net/iptables.ts.
  const { status, error, stderr } = spawnSync(program, ["--replace", "--skip-cache"], {
    input: text,
    encoding: "utf8",
  });
  if (status === 0) return name;
  const said = error?.message ?? (stderr.trim().split("\n").join("; ") || `exit code ${status}`);
  throw new SetupError(`AppArmor does not take the profile ${name}: ${said}`);
}
