import { basename, join } from "node:path";

/** Whether this runs from dist/, or dist.PID while it is being built, and not from source. */
export const bundled: boolean = basename(import.meta.dirname).startsWith("dist");

/** Root folder of this package: the parent of dist/ when bundled, of src/core/ when run from source. */
export const home: string = join(import.meta.dirname, bundled ? ".." : "../..");

/** A built file of this package: `init-x64`, `koffi-x64.node`, `default-seccomp.json`. */
export function builtFile(name: string): string {
  return join(bundled ? import.meta.dirname : join(home, "dist"), name);
}
