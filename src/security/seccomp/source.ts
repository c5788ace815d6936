import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hasErrno, messageOf, UsageError } from "../../core/errors.ts";
import { builtFile, bundled, home } from "../../core/home.ts";
import type { SeccompSource } from "../options.ts";

/** A source that has a profile. */
export type ProfileSource = Exclude<SeccompSource, { kind: "unconfined" }>;

/** The digest of default.json: says which default profile a cached filter is of, without reading it at every start. */
export const defaultProfileDigest = "495aa05e1a7c7f90";

/** The name of a profile in messages and explanations. */
export function profileName(source: ProfileSource): string {
  if (source.kind === "file") return source.path;
  return source.kind === "inline" ? "(inline)" : source.kind;
}

function defaultProfilePath(): string {
  return bundled ? builtFile("default-seccomp.json") : join(home, "src/security/seccomp/default.json");
}

/**
 * The text of a profile.
 * @throws UsageError when the user's file cannot be read.
 */
export function readProfile(source: ProfileSource): string {
  if (source.kind === "inline") return source.text;
  if (source.kind !== "file") return readFileSync(defaultProfilePath(), "utf8");
  try {
    return readFileSync(source.path, "utf8");
  } catch (cause) {
    const reason = hasErrno(cause, "ENOENT") ? "no such file" : messageOf(cause);
    throw new UsageError(
      `--security-opt: seccomp=${source.path}: ${reason}: expected a profile in docker's format, default, strict or unconfined`,
      { cause },
    );
  }
}
