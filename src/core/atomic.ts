import { closeSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { hasErrno } from "./errors.ts";
import { namingFile } from "./write-file.ts";

let serial = 0;

/**
 * Replaces `path` by rename(2), so that a reader sees the old content or the new one, never a part. Mode 0600 unless
 * given. State below /run needs no fsync: it does not outlive the boot.
 */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.${++serial}.tmp`;
  // What a killed process of our pid has left by this name is overwritten.
  const fd = openSync(temporary, "w", mode);
  try {
    try {
      const bytes = typeof data === "string" ? Buffer.from(data) : data;
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw namingFile(error, path);
  }
}

/** The process that writes, or wrote, a temporary file of {@link writeFileAtomic}; undefined for any other name. */
export function writerOf(name: string): number | undefined {
  const pid = /\.(\d+)\.\d+\.tmp$/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** The text of `path`, or undefined when there is no such file. */
export function readTextIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
