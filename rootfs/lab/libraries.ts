import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { SetupError } from "../../src/core/errors.ts";
import { type Elf, readElf } from "../elf.ts";
import { readLoaderCache } from "./loader-cache.ts";

/** A shared library that programs of the image need. */
export interface Library {
  /** The name the loader looks for: `libc.so.6`. */
  readonly name: string;
  /** Where the host has it, symbolic links followed. */
  readonly source: string;
  /** Where the loader of the image will look for it: a directory that needs no ld.so.cache, or one of an RPATH. */
  readonly directory: string;
}

const multiarch: Readonly<Record<string, string>> = {
  x86_64: "x86_64-linux-gnu",
  aarch64: "aarch64-linux-gnu",
};

/** The directories that loaders search without being told, glibc's of Debian and Fedora and musl's. */
function standardDirectories(machine: string): readonly string[] {
  const own = multiarch[machine];
  const debian = own === undefined ? [] : [`/lib/${own}`, `/usr/lib/${own}`];
  return [...debian, "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
}

interface Wanted {
  readonly name: string;
  /** Who needs it, for the error message. */
  readonly by: string;
  readonly search: readonly string[];
  /** RPATHs count for the dependencies of dependencies too, RUNPATHs do not (ld.so(8)). */
  readonly inherited: readonly string[];
}

/** `$ORIGIN` and `${ORIGIN}` stand for the directory of the file that says so (ld.so(8)). */
function expand(paths: readonly string[], file: string): string[] {
  return paths
    .map((path) => path.replace(/\$(?:ORIGIN\b|\{ORIGIN\})/g, dirname(file)))
    .filter((path) => path.startsWith("/") && !path.includes("$"));
}

/** Finds, without executing anything, the shared libraries that programs need, as ld.so(8) would. */
export class LibrarySearch {
  readonly #machine: string;
  readonly #cache: ReadonlyMap<string, readonly string[]>;
  readonly #found = new Map<string, Library>();

  constructor(machine: string, cache: ReadonlyMap<string, readonly string[]> = readLoaderCache()) {
    this.#machine = machine;
    this.#cache = cache;
  }

  /** Everything found so far, by name. */
  get libraries(): readonly Library[] {
    return [...this.#found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Adds all that the ELF file `path` needs, and what that needs in turn.
   * @throws SetupError naming a library that is not there.
   */
  addNeedsOf(path: string, elf: Elf): void {
    const queue = this.#needs(path, elf, []);
    for (let wanted = queue.shift(); wanted !== undefined; wanted = queue.shift()) {
      if (this.#found.has(wanted.name)) continue;
      const library = this.#locate(wanted);
      if (library === undefined)
        throw new SetupError(`${wanted.by} needs ${wanted.name}, which is not installed`);
      queue.push(...this.#add(library, wanted));
    }
  }

  /** Adds a library that programs load by name at run time (dlopen); false when the host does not have it. */
  addIfAny(name: string): boolean {
    const wanted: Wanted = { name, by: name, search: [], inherited: [] };
    const library = this.#found.get(name) ?? this.#locate(wanted);
    if (library === undefined) return false;
    const elf = readElf(library.source);
    if (!this.#found.has(name)) this.#add(library, wanted);
    if (elf !== undefined) this.addNeedsOf(library.source, elf);
    return true;
  }

  #add(library: Library, wanted: Wanted): Wanted[] {
    this.#found.set(library.name, library);
    const elf = readElf(library.source);
    return elf === undefined ? [] : this.#needs(library.source, elf, wanted.inherited);
  }

  #needs(path: string, elf: Elf, inheritedPaths: readonly string[]): Wanted[] {
    const inherited = [...expand(elf.rpath, path), ...inheritedPaths];
    const search = elf.runpath.length > 0 ? expand(elf.runpath, path) : inherited;
    // An absolute path is only ever the loader's, which comes with its program.
    const names = elf.needed.filter((name) => !name.includes("/"));
    return names.map((name) => ({ name, by: path, search, inherited }));
  }

  #fits(path: string): boolean {
    return existsSync(path) && readElf(path)?.machine === this.#machine;
  }

  /** The standard directory that libraries of other places (ld.so.conf) go to: the C library's. */
  #home(): string {
    const directories = standardDirectories(this.#machine);
    const home = directories.find((folder) => this.#fits(`${folder}/libc.so.6`));
    return home ?? directories.find((folder) => existsSync(folder)) ?? "/usr/lib";
  }

  #locate({ name, search }: Wanted): Library | undefined {
    const own = search.map((directory) => join(directory, name)).find((path) => this.#fits(path));
    if (own !== undefined) return { name, source: realpathSync(own), directory: dirname(own) };
    const directories = standardDirectories(this.#machine);
    const places = [...(this.#cache.get(name) ?? []), ...directories.map((folder) => join(folder, name))];
    const path = places.find((candidate) => this.#fits(candidate));
    if (path === undefined) return undefined;
    const isStandard = directories.includes(dirname(path));
    return { name, source: realpathSync(path), directory: isStandard ? dirname(path) : this.#home() };
  }
}
