import { readFileSync, statSync } from "node:fs";
import { writeFileAtomic } from "../../core/atomic.ts";
import { hasErrno } from "../../core/errors.ts";
import { join } from "../../core/join.ts";
import { makeDirectories } from "../../core/make-directories.ts";
import type { Instance } from "../../core/paths.ts";
import { libseccompPath } from "../../sys/seccomp.ts";
import { type CompiledSeccomp, compileSeccomp } from "./compile.ts";
import { digest } from "./digest.ts";
import { parseSeccompProfile } from "./profile.ts";
import { resolveProfile } from "./resolve.ts";
import { defaultProfileDigest, type ProfileSource, profileName, readProfile } from "./source.ts";
import { strictProfile } from "./strict.ts";

/** Raised when the same profile would be compiled to another filter. */
const FORMAT = "mdocker seccomp filter 1";

/** What a filter lacks, and which libseccomp did not know it: another one may. */
interface Lack {
  readonly notes: readonly string[];
  readonly library: string;
}

/** Changes whenever the file is replaced or written; empty when there is none. */
function identity(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${path}\n${stat.dev}:${stat.ino} ${stat.size} ${stat.ctimeMs}`;
}

// A cached file: the key as text, u32 length of the JSON of a Lack or 0, that JSON, then struct sock_filter[].
function encode(key: Buffer, { program, notes }: CompiledSeccomp): Uint8Array {
  const lack: Lack | undefined =
    notes.length === 0 ? undefined : { notes, library: identity(libseccompPath() ?? "") };
  const json = Buffer.from(lack === undefined ? "" : JSON.stringify(lack));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([key, length, json, program]);
}

function decode(key: Buffer, bytes: Buffer): CompiledSeccomp | undefined {
  if (bytes.length < key.length + 4 || key.compare(bytes, 0, key.length) !== 0) return undefined;
  const start = key.length + 4;
  const end = start + bytes.readUInt32LE(key.length);
  if (end >= bytes.length || (bytes.length - end) % 8 !== 0) return undefined;
  const program = new Uint8Array(bytes.buffer, bytes.byteOffset + end, bytes.length - end);
  if (end === start) return { program, notes: [] };
  const lack = JSON.parse(bytes.toString("utf8", start, end)) as Lack;
  const library = lack.library.slice(0, lack.library.indexOf("\n"));
  return identity(library) === lack.library ? { program, notes: lack.notes } : undefined;
}

function readIfAny(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    // --explain runs without privileges, and may not look below the root.
    if (hasErrno(error, "ENOENT", "EACCES")) return undefined;
    throw error;
  }
}

/** Keeps a compiled filter; where that cannot be, the next start compiles it again. */
function keep(folder: string, path: string, bytes: Uint8Array): void {
  try {
    makeDirectories(folder);
    writeFileAtomic(path, bytes);
  } catch (error) {
    if (!hasErrno(error, "EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT")) throw error;
  }
}

/**
 * The compiled filter of a profile for a container with the bounding set `caps`, on this machine and kernel. Compiled
 * once and kept below the instance's root: later starts read one small file, never libseccomp. The file begins with its
 * whole key, a user's profile included, so that two profiles are never taken for each other.
 * @throws UsageError for a profile that is missing or malformed, SetupError when libseccomp is.
 */
export function seccompFilter(
  instance: Pick<Instance, "root">,
  source: ProfileSource,
  caps: readonly string[],
): CompiledSeccomp {
  const ours = source.kind === "default" || source.kind === "strict";
  const text = ours ? undefined : readProfile(source);
  const target = {
    caps: source.kind === "strict" ? [] : caps,
    arch: process.arch,
    kernel: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
  };
  const name = profileName(source);
  const key = `${[FORMAT, target.arch, target.kernel, caps.join(), name, text ?? defaultProfileDigest].join("\n")}\n`;
  const keyBytes = Buffer.from(key);
  const folder = join(instance.root, "cache/seccomp");
  const path = join(folder, `${digest(key)}.bpf`);
  const bytes = readIfAny(path);
  const cached = bytes === undefined ? undefined : decode(keyBytes, bytes);
  if (cached !== undefined) return cached;

  const read = parseSeccompProfile(text ?? readProfile(source), name);
  const profile = source.kind === "strict" ? strictProfile(read) : read;
  const compiled = compileSeccomp(resolveProfile(profile, target), name);
  keep(folder, path, encode(keyBytes, compiled));
  return compiled;
}
