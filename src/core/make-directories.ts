import { mkdirSync } from "node:fs";
import { hasErrno } from "./errors.ts";

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
  }
}

/**
 * Makes a directory, mode 0700, and what is missing above it; one that is there is fine. Mostly one system call. Node's
 * own recursive mkdir says ENOENT where the filesystem is read-only.
 */
export function makeDirectories(path: string): void {
  try {
    makeDirectory(path);
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
    makeDirectories(path.slice(0, path.lastIndexOf("/")));
    makeDirectory(path);
  }
}
