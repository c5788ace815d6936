import { closeSync } from "node:fs";
import { resolve } from "node:path";
import { ExitCode, MdockerError } from "../core/errors.ts";
import type { Directory } from "../sys/directory.ts";
import { execCandidates } from "./exec-paths.ts";
import type { ExecPlan } from "./exec-plan.ts";
import { pinInside, rootOf } from "./inside.ts";
import type { LaunchError } from "./launch.ts";

const missing: readonly string[] = ["ENOENT", "ENOTDIR"];

function failure(what: string, code: number, cause: LaunchError): MdockerError {
  return new MdockerError(`exec failed: ${what}`, code, { cause });
}

/** Why the file at `path` cannot be executed; undefined when there is none. */
function faultOf(root: Directory, path: string, errno: string): string | undefined {
  const found = pinInside(root, path);
  if (found === undefined) return undefined;
  try {
    const { stat } = found;
    if (stat.isDirectory()) return "is a directory";
    if (!stat.isFile() || (stat.mode & 0o111) === 0) return "not executable";
    if (errno === "ENOEXEC") return "not executable: neither an ELF program nor a script that begins with #!";
    if (errno === "ENOENT") return "its interpreter is missing in the container";
    return errno === "EACCES" ? "permission denied (EACCES)" : errno;
  } finally {
    closeSync(found.fd);
  }
}

function explainCommand(error: LaunchError, { process }: ExecPlan, root: Directory): MdockerError {
  const { args, env, cwd } = process;
  const [command = ""] = args;
  const { errno } = error.failure;
  for (const path of execCandidates(command, env)) {
    const fault = faultOf(root, resolve(cwd, path), errno);
    if (fault !== undefined) return failure(`${path}: ${fault}`, ExitCode.notExecutable, error);
  }
  if (!missing.includes(errno)) return failure(`${command}: ${errno}`, ExitCode.notExecutable, error);
  const path = env.find((entry) => entry.startsWith("PATH="))?.slice(5) ?? "";
  const where = command.includes("/")
    ? "no such file in the container"
    : `not found in PATH (${path}) of the container`;
  return failure(`${command}: ${where}`, ExitCode.notFound, error);
}

/**
 * A failed step of an exec as a shell would tell it: exit code 127 for a command or working directory that is not there,
 * 126 for one that cannot be executed or entered.
 */
export function explainFailedExec(error: LaunchError, plan: ExecPlan): MdockerError {
  const { cwd } = plan.process;
  if (error.step?.label === `enter the working directory ${cwd}`) {
    const { errno } = error.failure;
    const isMissing = errno === "ENOENT";
    return failure(
      `working directory ${cwd}: ${isMissing ? "no such directory in the container" : errno}`,
      isMissing ? ExitCode.notFound : ExitCode.notExecutable,
      error,
    );
  }
  if (!error.isExec) return error;
  const root = rootOf(plan.init);
  try {
    return explainCommand(error, plan, root);
  } finally {
    root.close();
  }
}
