import { resolve } from "node:path";
import { UsageError } from "./errors.ts";
import { join } from "./join.ts";
import { dataDirectory, rootlessUser, runtimeDirectory } from "./rootless.ts";

/** Where one instance of mdocker keeps its things, and how it names what it puts into the kernel. */
export interface Instance {
  /** Persistent data: images, layers, container directories. Default /var/lib/mdocker. */
  readonly root: string;
  /** Runtime state of this boot: records, leases, sockets. Default /run/mdocker. */
  readonly state: string;
  /** Prefix of links, chains and cgroups: `mdocker` (bridge mdocker0, veths mdv...). At most 8 of [a-z0-9]. */
  readonly prefix: string;
}

/** What the command line may say about the instance. */
export interface InstanceOptions {
  readonly root?: string | undefined;
  readonly state?: string | undefined;
  readonly prefix?: string | undefined;
}

/** `/a//b/../c/` as `/a/c`: paths are put together by appending to these. */
function clean(path: string): string {
  return /\/(\.{0,2}\/|\.{0,2}$)/.test(path) ? resolve(path) : path;
}

/**
 * The instance named by flags, else by MDOCKER_ROOT, MDOCKER_STATE, MDOCKER_PREFIX, else the default: the host's, or
 * below XDG_DATA_HOME and XDG_RUNTIME_DIR where we are root of a user's own namespaces.
 * With a root of its own and no state named, the state lives below the root, so that two instances never meet.
 * @throws UsageError for a relative path or a prefix that cannot begin an interface name.
 */
export function findInstance(options: InstanceOptions, env: NodeJS.ProcessEnv): Instance {
  const ownRoot = options.root ?? env["MDOCKER_ROOT"];
  const user = rootlessUser(env);
  const root = ownRoot ?? (user === undefined ? "/var/lib/mdocker" : dataDirectory(env));
  const usual = user === undefined ? "/run/mdocker" : runtimeDirectory(env, user);
  const state = options.state ?? env["MDOCKER_STATE"] ?? (ownRoot === undefined ? usual : join(root, "run"));
  const prefix = options.prefix ?? env["MDOCKER_PREFIX"] ?? "mdocker";
  for (const [name, path] of [
    ["--root", root],
    ["--state", state],
  ] as const) {
    if (!path.startsWith("/")) throw new UsageError(`${name}: ${path}: expected an absolute path`);
  }
  if (!/^[a-z][a-z0-9]{0,7}$/.test(prefix)) {
    throw new UsageError(`prefix: ${prefix}: expected 1 to 8 of a-z and 0-9, beginning with a letter`);
  }
  return { root: clean(root), state: clean(state), prefix };
}

/** What names of links begin with that are no bridges: `md` for the default instance, else its prefix cut to 4 letters. */
export function shortPrefix(prefix: string): string {
  return prefix === "mdocker" ? "md" : prefix.slice(0, 4);
}

/** Prefix of host-side veth names: `mdv` for the default instance. */
export function vethPrefix(instance: Instance): string {
  return `${shortPrefix(instance.prefix)}v`;
}

/** Where the supervisor of an instance takes requests. */
export function supervisorSocket(instance: Instance): string {
  return join(instance.state, "mdocker.sock");
}
