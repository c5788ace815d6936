import { closeSync, constants, openSync, writeSync } from "node:fs";

/** Writes each value with a write(2) of its own. Never creates a file: cgroupfs has what it has. */
export function writeValues(file: string, values: readonly string[]): void {
  const fd = openSync(file, constants.O_WRONLY);
  try {
    for (const value of values) writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}
