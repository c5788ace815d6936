import {
  type ContainerUser,
  chooseUser,
  type GroupEntry,
  type PasswdEntry,
  parseGroup,
  parsePasswd,
} from "../../rootfs/users.ts";
import { UsageError } from "../core/errors.ts";
import type { OciCapabilities, OciProcess } from "../core/oci.ts";
import { heldCapabilities, lastCapability } from "../security/capabilities.ts";
import { resolveCapabilities } from "../security/grant.ts";
import type { ExecRequest } from "./exec-request.ts";

/** The users and groups of a container as it is now. */
export interface Accounts {
  readonly passwd: readonly PasswdEntry[];
  readonly groups: readonly GroupEntry[];
}

/** The texts of its two files as {@link Accounts}. */
export function parseAccounts(passwd: string | undefined, group: string | undefined): Accounts {
  return { passwd: parsePasswd(passwd), groups: parseGroup(group) };
}

/** Who `-u` names; the groups that the container was given by --group-add are kept. */
function otherUser(text: string, { user }: OciProcess, { passwd, groups }: Accounts): ContainerUser {
  const name = passwd.find(({ uid }) => uid === user.uid)?.name;
  const extra = (user.additionalGids ?? []).filter(
    (gid) => !groups.some((group) => group.gid === gid && name !== undefined && group.members.includes(name)),
  );
  const chosen = chooseUser(passwd, groups, text, []);
  return { ...chosen, additionalGids: [...new Set([...chosen.additionalGids, ...extra])] };
}

/** The capabilities of a command of `uid`; nothing is ever more than the container may have, unless it is privileged. */
function capabilitiesFor(
  request: ExecRequest,
  own: OciCapabilities | undefined,
  uid: number,
): OciCapabilities | undefined {
  if (request.privileged) {
    const host = { held: heldCapabilities(), lastCap: lastCapability() };
    return resolveCapabilities({ add: [], drop: [], privileged: true, rootUser: uid === 0, ...host })
      .capabilities;
  }
  if (request.user === undefined || own === undefined) return own;
  const { bounding, ambient } = own;
  // A root user has all of the bounding set, another what --cap-add named for the container's own user.
  const usable = uid === 0 ? bounding : ambient;
  const kept = uid === 0 ? [] : ambient;
  return { bounding, effective: usable, permitted: usable, inheritable: kept, ambient: kept };
}

/** docker's order: TERM of a terminal, the container's own, then the request's; the last of a name counts. */
function environment(
  request: ExecRequest,
  { env, user }: OciProcess,
  other: ContainerUser | undefined,
  accounts: () => Accounts,
): string[] {
  const variables = new Map<string, string>(request.terminal ? [["TERM", "xterm"]] : []);
  for (const entry of env) {
    const equals = entry.indexOf("=");
    variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  if (other !== undefined) {
    // A HOME that the image or the user has chosen stays; the one of another user's does not.
    const usual = accounts().passwd.find(({ uid }) => uid === user.uid)?.home ?? "/";
    if ((variables.get("HOME") ?? usual) === usual) variables.set("HOME", other.home);
  }
  for (const entry of request.env) {
    const equals = entry.indexOf("=");
    if (equals < 0) variables.delete(entry);
    else if (equals > 0) variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/**
 * The process of an exec: the container's own (`own`), but for what the request says. `accounts` is asked only when a
 * user is named. Pure but for what this host can give to a privileged one.
 * @throws UsageError for a user or group that the container does not have, and a working directory that is no path.
 */
export function execProcess(own: OciProcess, request: ExecRequest, accounts: () => Accounts): OciProcess {
  const { args, cwd, terminal } = request;
  if (args[0] === undefined || args[0] === "") throw new UsageError("no command given: name one to execute");
  if (cwd !== undefined && !cwd.startsWith("/"))
    throw new UsageError(
      `working directory ${JSON.stringify(cwd)}: expected an absolute path in the container`,
    );
  const other = request.user === undefined ? undefined : otherUser(request.user, own, accounts());
  const { uid, gid, additionalGids } = other ?? own.user;
  const { umask } = own.user;
  const capabilities = capabilitiesFor(request, own.capabilities, uid);
  return {
    terminal,
    user: { uid, gid, additionalGids: additionalGids ?? [], ...(umask === undefined ? {} : { umask }) },
    args,
    env: environment(request, own, other, accounts),
    cwd: cwd ?? own.cwd,
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(own.noNewPrivileges === undefined ? {} : { noNewPrivileges: own.noNewPrivileges }),
    ...(own.apparmorProfile === undefined ? {} : { apparmorProfile: own.apparmorProfile }),
    ...(own.selinuxLabel === undefined ? {} : { selinuxLabel: own.selinuxLabel }),
    ...(own.rlimits === undefined ? {} : { rlimits: own.rlimits }),
    ...(own.scheduler === undefined ? {} : { scheduler: own.scheduler }),
    ...(own.ioPriority === undefined ? {} : { ioPriority: own.ioPriority }),
  };
}
