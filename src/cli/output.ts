import { writeSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";

import { pause } from "../core/pause.ts";
/**
 * Writes everything to a file descriptor, at once: process.stdout costs milliseconds to set up, and is not flushed by
 * process.exit. A reader that is gone ends us quietly, as SIGPIPE would.
 */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (hasErrno(error, "EPIPE")) process.exit(141);
      // A pipe that another program set to non-blocking is full: wait for its reader.
      if (!hasErrno(error, "EAGAIN")) throw error;
      pause(1);
    }
  }
}

/** Text on stdout, as it is. */
export function print(text: string): void {
  writeAll(1, Buffer.from(text));
}

/** Bytes on stdout. */
export function printBytes(bytes: Uint8Array): void {
  writeAll(1, bytes);
}

/** Text on stderr, as it is. */
export function printError(text: string): void {
  writeAll(2, Buffer.from(text));
}

/** One line of mdocker's own on stderr. */
export function say(line: string): void {
  writeAll(2, Buffer.from(`mdocker: ${line}\n`));
}
