import { basename, join } from "node:path";

/** Root folder of this package: the parent of dist/ when bundled, of src/core/ when run from source. */
export const home: string =
  basename(import.meta.dirname) === "dist"
    ? join(import.meta.dirname, "..")
    : join(import.meta.dirname, "../..");

/** A built file of this package: `init-x64`, `koffi-x64.node`, `default-seccomp.json`. */
export function builtFile(name: string): string {
  return join(home, "dist", name);
}
