import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { SetupError, UsageError } from "../../src/core/errors.ts";
import { builtFile } from "../../src/core/home.ts";
import { type Elf, machineOf, readElf } from "../elf.ts";
import { LayerTree } from "../layer-tree.ts";
import { LibrarySearch } from "./libraries.ts";
import {
  certificateBundles,
  dataPaths,
  editors,
  loadedLibraries,
  packagedPrograms,
  programDirectories,
  programGroups,
  terminals,
  terminfoDirectories,
} from "./programs.ts";
import { addSystemFiles } from "./system-files.ts";

/** A program that belongs into the image and that the host does not have. */
export interface MissingProgram {
  readonly name: string;
  /** The Debian package that has it. */
  readonly package: string;
}

/** What the layer of the image will hold, and what it lacks. */
export interface LabContents {
  readonly tree: LayerTree;
  readonly missing: readonly MissingProgram[];
}

const certificates = "/etc/ssl/certs/ca-certificates.crt";

/** Collects the image from this host: programs, the libraries they need, and the data they open. Nothing is executed. */
class Collector {
  readonly tree: LayerTree = new LayerTree();
  readonly missing: MissingProgram[] = [];
  readonly #machine: string = machineOf(process.arch);
  readonly #libraries: LibrarySearch = new LibrarySearch(this.#machine);
  /** Scripts and their interpreters, checked when all programs are in. */
  readonly #interpreters: [string, string][] = [];

  /** Adds `source`, an absolute real path, as the program `path`. */
  program(path: string, source: string): void {
    if (this.tree.has(path)) return;
    const elf = readElf(source);
    if (elf === undefined) this.#interpreters.push([path, interpreterOf(source)]);
    else this.#needs(source, elf);
    this.tree.copy(path, source, { mode: 0o755 });
  }

  /** Adds a program by name, with the symbolic links it is reached by: /usr/bin/nc -> nc.openbsd. */
  named(name: string, alias: string = name): boolean {
    const found = programDirectories.map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (found === undefined) return false;
    const real = realpathSync(found);
    const path = join(dirname(found), alias);
    const isSystem = programDirectories.includes(dirname(real));
    this.program(isSystem ? real : path, real);
    if (isSystem && basename(real) !== alias) this.tree.link(path, real);
    else if (isSystem && dirname(real) !== dirname(found)) this.tree.link(path, real);
    return true;
  }

  /** Adds what programs open by path: a file, or a directory with everything in it. */
  data(path: string): void {
    if (!existsSync(path)) return;
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) {
      for (const name of readdirSync(real)) this.data(join(path, name));
      return;
    }
    const elf = path.endsWith(".so") ? readElf(real) : undefined;
    // A plugin for which something is not installed would fail to load on the host too.
    if (elf !== undefined && !this.#tryNeeds(real, elf)) return;
    this.tree.copy(path, real);
  }

  /** Adds the libraries that were found, those that are loaded by name, and checks the scripts. */
  finish(): void {
    for (const name of loadedLibraries) this.#libraries.addIfAny(name);
    for (const { name, source, directory } of this.#libraries.libraries) {
      const path = join(directory, name);
      this.tree.copy(path, source, { mode: /\/ld-|ld-musl|ld-linux/.test(path) ? 0o755 : 0o644 });
    }
    for (const [path, interpreter] of this.#interpreters) {
      if (!this.tree.has(interpreter))
        throw new SetupError(`${path} needs ${interpreter}, which is not in the image`);
    }
  }

  #needs(source: string, elf: Elf): void {
    if (elf.machine !== this.#machine) {
      throw new SetupError(`${source}: is a program for ${elf.machine}, this machine is ${this.#machine}`);
    }
    this.#libraries.addNeedsOf(source, elf);
    if (elf.interpreter !== undefined) this.#loader(elf.interpreter);
  }

  #tryNeeds(source: string, elf: Elf): boolean {
    try {
      this.#needs(source, elf);
      return true;
    } catch (error) {
      if (error instanceof SetupError) return false;
      throw error;
    }
  }

  /** The kernel looks for the loader at exactly this path. */
  #loader(path: string): void {
    const real = realpathSync(path);
    this.tree.copy(real, real, { mode: 0o755 });
    if (real !== path) this.tree.link(path, real);
  }
}

/** The path behind `#!`; `/usr/bin/env X` is looked for as env itself, which is in the image. */
function interpreterOf(path: string): string {
  const line = readFileSync(path).subarray(0, 256).toString("latin1");
  const match = /^#!\s*(\/\S+)/.exec(line);
  if (match?.[1] === undefined) throw new UsageError(`${path}: expected an ELF program or a script with #!`);
  return match[1];
}

function addTerminals(collector: Collector): void {
  for (const name of terminals) {
    const first = name.charAt(0);
    const folder = terminfoDirectories.find((path) => existsSync(join(path, first, name)));
    if (folder !== undefined) {
      collector.tree.copy(join(folder, first, name), realpathSync(join(folder, first, name)));
    }
  }
}

function addCertificates({ tree }: Collector): void {
  const bundle = certificateBundles.find((path) => existsSync(path));
  if (bundle === undefined) return;
  tree.copy(certificates, realpathSync(bundle));
  // Where the OpenSSL of Debian and of Fedora look.
  for (const folder of ["/usr/lib/ssl", "/etc/pki/tls"]) {
    tree.link(`${folder}/cert.pem`, certificates);
    tree.link(`${folder}/certs`, "/etc/ssl/certs");
    tree.link(`${folder}/openssl.cnf`, "/etc/ssl/openssl.cnf");
  }
}

function addPrograms(collector: Collector): void {
  for (const group of programGroups) {
    for (const name of group.names) {
      if (!collector.named(name) && group.optional !== true) {
        collector.missing.push({ name, package: group.package });
      }
    }
  }
  const editor = editors.find((name) => collector.named(name, "vi") && collector.named(name, "vim"));
  if (editor === undefined) collector.missing.push({ name: "vi", package: "vim-tiny" });
}

/**
 * Collects what the image `lab` is made of on this host.
 * @param programs Host files to add as /usr/local/bin/NAME.
 * @throws UsageError for a program that is not there or is none, SetupError when a library is not installed.
 */
export function collectLab(programs: readonly string[] = []): LabContents {
  const collector = new Collector();
  addSystemFiles(collector.tree);
  addPrograms(collector);
  for (const program of [...packagedPrograms.map(builtFile), ...programs]) {
    if (!existsSync(program) || !statSync(program).isFile()) {
      throw new UsageError(`--program: ${program}: no such file`);
    }
    const path = `/usr/local/bin/${basename(program)}`;
    if (collector.tree.has(path)) throw new UsageError(`--program: ${program}: ${path} is there already`);
    collector.program(path, realpathSync(program));
  }
  for (const path of dataPaths) collector.data(path);
  addTerminals(collector);
  addCertificates(collector);
  collector.finish();
  return { tree: collector.tree, missing: collector.missing };
}
