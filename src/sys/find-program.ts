import { accessSync, constants } from "node:fs";

/** Where a program is, along PATH and in the folders of root's programs; undefined when it is not installed. */
export function findProgram(
  name: string,
  path: string | undefined = process.env["PATH"],
): string | undefined {
  for (const directory of [...(path ?? "").split(":"), "/usr/sbin", "/sbin"]) {
    if (!directory.startsWith("/")) continue;
    try {
      accessSync(`${directory}/${name}`, constants.X_OK);
      return `${directory}/${name}`;
    } catch {
      // The next one.
    }
  }
  return undefined;
}
