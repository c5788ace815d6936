import { writeFileSync } from "node:fs";
import { SyscallError } from "./errors.ts";

/** Node names the file where open(2) fails, but not where write(2) does: the failure with the file's name. */
export function namingFile(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || "path" in error) return error;
  const errno = String(error.code);
  const hint = errno === "ENOSPC" ? "the filesystem is full" : undefined;
  return new SyscallError({ call: "write", errno, subject: path, hint }, { cause: error });
}

/** Writes a small file in place, made when missing. @throws an error that names the file. */
export function writeFile(path: string, text: string | Uint8Array, mode: number): void {
  try {
    writeFileSync(path, text, { mode });
  } catch (error) {
    throw namingFile(error, path);
  }
}
