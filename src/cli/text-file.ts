import { UsageError } from "../core/errors.ts";
import type { Given } from "./flags.ts";
import { type HostView, hostPath } from "./host-view.ts";

/** A line of a file, and where it is: `FILE:LINE`. */
export interface Line {
  readonly text: string;
  readonly at: string;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EISDIR: "is a directory",
  EACCES: "permission denied",
};

/** The text of a file that the user named. @throws UsageError */
export function readNamed(given: Given, view: HostView): string {
  const { value, from } = given;
  try {
    return view.readText(hostPath(given, view));
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "cannot be read";
    throw new UsageError(`${from}: ${JSON.stringify(value)}: ${reasons[code] ?? code}`, { cause });
  }
}

/** The lines of docker's env and label files: no comments, no blank lines. @throws UsageError */
export function readLines(given: Given, view: HostView): Line[] {
  const text = readNamed(given, view);
  if (text.includes("\0")) throw new UsageError(`${given.from}: ${given.value}: expected a text file`);
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .map((line, index) => ({ text: line.trimStart(), at: `${given.from}: ${given.value}:${index + 1}` }))
    .filter((line) => line.text !== "" && !line.text.startsWith("#"));
}
