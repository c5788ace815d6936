import { readTextIfAny } from "../core/atomic.ts";
import { SetupError } from "../core/errors.ts";

/** What is asked of the labels of a container, by --security-opt label=... */
export interface LabelOptions {
  /** At least one option was given. */
  readonly given: boolean;
  readonly disabled: boolean;
  readonly user?: string;
  readonly role?: string;
  readonly type?: string;
  readonly level?: string;
  /** The type of its files. */
  readonly filetype?: string;
}

/** The contexts that a policy has for containers. */
export interface ContainerContexts extends Labels {
  /** Of the layers of images. */
  readonly layers: string;
}

/** The two labels of a container: of its processes, and of its files. */
export interface Labels {
  readonly process: string;
  readonly mount: string;
}

/** The parts of a context, `user:role:type` and, where the policy has levels, `:level`. */
interface Context {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level?: string;
}

function parseContext(text: string, where: string): Context {
  const [, user, role, type, level] = /^([^:]+):([^:]+):([^:]+)(?::(.+))?$/.exec(text) ?? [];
  if (user === undefined || role === undefined || type === undefined)
    throw new SetupError(`${where}: ${text}: expected a context of SELinux, user:role:type:level`);
  return level === undefined ? { user, role, type } : { user, role, type, level };
}

function contextText({ user, role, type, level }: Context): string {
  return [user, role, type, ...(level === undefined ? [] : [level])].join(":");
}

/**
 * The contexts that the host's policy has for containers, in the file lxc_contexts of the policy that /etc/selinux/config
 * names (selinux_lxc_contexts_path(3)); undefined where it has none.
 */
export function readContainerContexts(
  read: (path: string) => string | undefined = readTextIfAny,
): ContainerContexts | undefined {
  const policy = /^SELINUXTYPE=(\S+)/m.exec(read("/etc/selinux/config") ?? "")?.[1];
  if (policy === undefined) return undefined;
  const text = read(`/etc/selinux/${policy}/contexts/lxc_contexts`) ?? "";
  const [process, mount, layers] = ["process", "file", "ro_file"].map(
    (name) => new RegExp(`^${name}\\s*=\\s*"?([^"\\s]+)`, "m").exec(text)?.[1],
  );
  return process === undefined || mount === undefined
    ? undefined
    : { process, mount, layers: layers ?? sharedLabel(mount) };
}

/**
 * The labels of a container: the policy's, with what was asked for in its place, and a level that no other container has.
 * As docker and podman do it, files get the level and the user of the processes, and a type of their own. Pure.
 * @param level Two categories, as `c12,c345`, of which no other container has both.
 */
export function labelsFor(contexts: Labels, options: LabelOptions, level: () => string): Labels {
  const process = parseContext(contexts.process, "lxc_contexts");
  const mount = parseContext(contexts.mount, "lxc_contexts");
  const { user, role, type, filetype } = options;
  // A policy without levels has no place for one.
  const own = process.level === undefined ? undefined : (options.level ?? `${process.level}:${level()}`);
  const leveled = own === undefined ? {} : { level: own };
  return {
    process: contextText({
      ...process,
      ...(user === undefined ? {} : { user }),
      ...(role === undefined ? {} : { role }),
      ...(type === undefined ? {} : { type }),
      ...leveled,
    }),
    mount: contextText({
      ...mount,
      ...(user === undefined ? {} : { user }),
      ...(filetype === undefined ? {} : { type: filetype }),
      ...leveled,
    }),
  };
}

/** The label of files that every container may have: without categories. */
export function sharedLabel(mount: string): string {
  const context = parseContext(mount, "label");
  return context.level === undefined
    ? mount
    : contextText({ ...context, level: context.level.replace(/:.*$/, "") });
}
