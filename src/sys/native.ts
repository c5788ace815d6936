import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { builtFile, home } from "../core/home.ts";

type Koffi = typeof import("koffi");
type Library = ReturnType<Koffi["load"]>;

/** A C function made callable by koffi. */
export type NativeFunction = ReturnType<Library["func"]>;

let loaded: Koffi | undefined;

/**
 * koffi, loaded at first use. Its own entry file searches for the addon in a dozen places, which costs 6 ms at every
 * start; the build puts the addon for this machine into dist/, and loading that alone costs 1 ms.
 */
export function koffi(): Koffi {
  if (loaded !== undefined) return loaded;
  const addon = builtFile(`koffi-${process.arch}.node`);
  if (existsSync(addon)) {
    const module = { exports: {} };
    process.dlopen(module, addon);
    loaded = module.exports as Koffi;
  } else {
    loaded = createRequire(`${home}/package.json`)("koffi") as Koffi;
  }
  return loaded;
}

/** True once {@link koffi} has been called. */
export function isLoaded(): boolean {
  return loaded !== undefined;
}

const libraries = new Map<string, Library>();

/** A shared library by its soname, loaded once. Throws koffi's error when it is not installed. */
export function library(soname: string): Library {
  let found = libraries.get(soname);
  if (found === undefined) {
    found = koffi().load(soname);
    libraries.set(soname, found);
  }
  return found;
}

let own: Library | undefined;

/** What this very program, Node, has to call: libuv. */
export function ownLibrary(): Library {
  own ??= koffi().load(null);
  return own;
}

/** The C library: glibc's soname, else musl's. */
export function libc(): Library {
  try {
    return library("libc.so.6");
  } catch {
    return library(`libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`);
  }
}

/** errno of the last native call on this thread: read it at once. */
export function lastErrno(): number {
  return koffi().errno();
}
