import { readFileSync } from "node:fs";
import type { RawPath } from "./raw-path.ts";

/** Where this mount namespace has something mounted (proc_pid_mountinfo(5)), blanks and backslashes as they are. */
export function mountPoints(): RawPath[] {
  return readFileSync("/proc/self/mountinfo", "latin1")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .map((at) => at.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))));
}
