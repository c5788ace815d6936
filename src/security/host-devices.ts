import { lstatSync, readdirSync, statSync } from "node:fs";
import { hasErrno, UsageError } from "../core/errors.ts";
import type { OciDevice, OciDeviceRule } from "../core/oci.ts";

/** A device of the host that a container is to have: a node, or a directory of them. */
export interface WantedDevice {
  readonly source: string;
  /** Below /dev of the container. */
  readonly target: string;
  /** Some of `rwm`. */
  readonly access: string;
}

/** What `--device` and `--privileged` put into a container. */
export interface FoundDevices {
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
}

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

interface Looked {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
}

/** makedev(3) as stat(2) gives it: 12 bits of major in the middle, minor around them. */
function numbers(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}

function deviceAt(path: string, { mode, uid, gid, rdev }: Looked): OciDevice | undefined {
  const kind = mode & S_IFMT;
  if (kind !== S_IFCHR && kind !== S_IFBLK) return undefined;
  const type = kind === S_IFCHR ? "c" : "b";
  return { type, path, ...numbers(rdev), fileMode: mode & 0o7777, uid, gid };
}

/** The devices below a directory; links, and what goes meanwhile, are passed over. */
function below(source: string, target: string, passOver: ReadonlySet<string>): OciDevice[] {
  return readdirSync(source)
    .sort()
    .flatMap((name): OciDevice[] => {
      const [from, to] = [`${source}/${name}`, `${target}/${name}`];
      if (passOver.has(from)) return [];
      const about = lstatSync(from, { throwIfNoEntry: false });
      if (about === undefined) return [];
      if (about.isDirectory()) return below(from, to, passOver);
      const device = deviceAt(to, about);
      return device === undefined ? [] : [device];
    });
}

function find({ source, target }: WantedDevice): OciDevice[] {
  let about: ReturnType<typeof statSync>;
  try {
    about = statSync(source);
  } catch (cause) {
    const reason = hasErrno(cause, "ENOENT", "ENOTDIR") ? "no such device on the host" : String(cause);
    throw new UsageError(`--device: ${source}: ${reason}`, { cause });
  }
  if (about?.isDirectory()) {
    const found = below(source, target, new Set());
    if (found.length === 0) throw new UsageError(`--device: ${source}: no device is in this directory`);
    return found;
  }
  const device = about === undefined ? undefined : deviceAt(target, about);
  if (device === undefined)
    throw new UsageError(`--device: ${source}: expected a device of the host, or a directory of them`);
  return [device];
}

/** The devices asked for, with the rules that let them be used. @throws UsageError for what is none. */
export function findDevices(wanted: readonly WantedDevice[]): FoundDevices {
  const all = wanted.map((one) => ({ access: one.access, devices: find(one) }));
  return {
    devices: all.flatMap(({ devices }) => devices),
    rules: all.flatMap(({ access, devices }) =>
      devices.map(({ type, major, minor }): OciDeviceRule => {
        // The node is made inside, where the rules hold already: one more of it can be opened no further.
        const withNode = access.includes("m") ? access : `${access}m`;
        return { allow: true, type: type === "b" ? "b" : "c", major, minor, access: withNode };
      }),
    ),
  };
}

/** What of the host's /dev a container has of its own, or what leads to what is none of its. */
const ownPlaces: ReadonlySet<string> = new Set([
  ...["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/console", "/dev/ptmx", "/dev/fd"],
  // The links of containers' own /dev.
  ...["/dev/stdin", "/dev/stdout", "/dev/stderr"],
]);

/** Every device of the host, for `--privileged`; pseudo-terminals and the console are the container's own. */
export function allDevices(): readonly OciDevice[] {
  return below("/dev", "/dev", ownPlaces);
}
