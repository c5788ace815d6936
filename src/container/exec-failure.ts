import { resolve } from "node:path";
import { explainExec } from "../../rootfs/exec-failure.ts";
import { lookUp } from "../../rootfs/lookup.ts";
import { ExitCode, MdockerError } from "../core/errors.ts";
import { execCandidates } from "./exec-paths.ts";
import type { LaunchError } from "./launch.ts";
import type { Prepared } from "./prepared.ts";

/** A file of the container as the host can look at it. */
interface Place {
  readonly layers: readonly string[];
  readonly path: string;
}

/** Where the container's `path` comes from: a mount of the host's, else the layers; undefined for any other mount. */
function placeOf({ spec, layers }: Prepared, path: string): Place | undefined {
  const inside = spec.mounts.filter(
    ({ destination }) => path === destination || path.startsWith(`${destination}/`),
  );
  const [mount] = inside.sort((one, other) => other.destination.length - one.destination.length);
  if (mount === undefined) return { layers, path };
  if (mount.type !== "bind" || mount.source === undefined) return undefined;
  return { layers: [mount.source], path: path.slice(mount.destination.length) };
}

/** What is wrong with the file at `path`: undefined when it is not there, or nobody can say. */
function faultOf(prepared: Prepared, path: string, errno: string): string | undefined {
  const place = placeOf(prepared, resolve(prepared.spec.process.cwd, path));
  if (place === undefined || typeof lookUp(place.layers, place.path) === "string") return undefined;
  // The file itself is as it should be: its user may not run it, or the mount it is on forbids it.
  const other = errno === "EACCES" ? "permission denied (EACCES)" : errno;
  return explainExec(place.layers, place.path, process.arch, prepared.layers) ?? other;
}

/**
 * A failed execve as a shell would tell it: what is wrong with which file, and exit code 127 for a command that is not
 * there, 126 for one that is and cannot be run.
 */
export function explainExecFailure(error: LaunchError, prepared: Prepared): MdockerError {
  const { args, env } = prepared.spec.process;
  const [command = ""] = args;
  const { errno } = error.failure;
  const failure = (what: string, code: number): MdockerError =>
    new MdockerError(`exec failed: ${what}`, code, { cause: error });
  for (const path of execCandidates(command, env)) {
    const fault = faultOf(prepared, path, errno);
    if (fault !== undefined) return failure(`${path}: ${fault}`, ExitCode.notExecutable);
  }
  const missing = errno === "ENOENT" || errno === "ENOTDIR";
  const code = missing ? ExitCode.notFound : ExitCode.notExecutable;
  if (command.includes("/")) {
    const place = placeOf(prepared, resolve(prepared.spec.process.cwd, command));
    const why = place === undefined ? undefined : explainExec(place.layers, place.path);
    return failure(`${command}: ${why ?? (missing ? "no such file in the container" : errno)}`, code);
  }
  const path = env.find((entry) => entry.startsWith("PATH="))?.slice(5) ?? "";
  return failure(`${command}: ${missing ? `not found in PATH (${path}) of the container` : errno}`, code);
}
