import { dirname, posix } from "node:path";

interface EntryBase {
  /** Path inside the layer without a leading slash: `usr/bin/ip`. */
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
}

/** One thing of a layer. Permissions without the file type: 0o755. */
export type LayerEntry =
  | (EntryBase & { readonly kind: "directory"; readonly mode: number })
  | (EntryBase & { readonly kind: "symlink"; readonly target: string })
  /** A file with the bytes of a host file, or with its own. */
  | (EntryBase & { readonly kind: "file"; readonly mode: number; readonly source: string })
  | (EntryBase & { readonly kind: "file"; readonly mode: number; readonly content: string });

export interface Ownership {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** The directories that Linux distributions have merged into /usr. */
const merged = /^\/(bin|sbin|lib|lib32|lib64)(?=\/|$)/;

/** `/bin/ls` is `/usr/bin/ls`: the form in which a layer with merged /usr stores it. */
function mergedPath(path: string): string {
  return path.replace(merged, "/usr/$1");
}

/**
 * The content of a layer, collected in any order. Directories above an entry come by themselves (0755 root). The first
 * word on a path counts: what is set up on purpose goes in before what is collected.
 */
export class LayerTree {
  readonly #entries = new Map<string, LayerEntry>();

  /** Everything, sorted by path (code points), so that directories stand before what is in them. */
  get entries(): readonly LayerEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  has(path: string): boolean {
    return this.#entries.has(mergedPath(path).slice(1));
  }

  directory(path: string, { mode = 0o755, uid = 0, gid = 0 }: Ownership = {}): void {
    this.#add(path, (at) => ({ kind: "directory", path: at, mode, uid, gid }));
  }

  /** A file with this content. */
  text(path: string, content: string, { mode = 0o644, uid = 0, gid = 0 }: Ownership = {}): void {
    this.#add(path, (at) => ({ kind: "file", path: at, mode, uid, gid, content }));
  }

  /** A file with the bytes of a host file. Its setuid bit, capabilities, owner and times are not taken over. */
  copy(path: string, source: string, { mode = 0o644, uid = 0, gid = 0 }: Ownership = {}): void {
    this.#add(path, (at) => ({ kind: "file", path: at, mode, uid, gid, source }));
  }

  /** A symbolic link from one absolute path of the layer to another, stored relative. */
  link(path: string, target: string): void {
    const from = dirname(mergedPath(path));
    this.#add(path, (at) => ({
      kind: "symlink",
      path: at,
      uid: 0,
      gid: 0,
      target: posix.relative(from, mergedPath(target)),
    }));
  }

  /** The link `/bin` -> `usr/bin` of a merged /usr. */
  mergeIntoUsr(name: string): void {
    this.#entries.set(name, { kind: "symlink", path: name, uid: 0, gid: 0, target: `usr/${name}` });
  }

  #add(path: string, make: (at: string) => LayerEntry): void {
    const at = mergedPath(path).slice(1);
    if (at === "" || this.#entries.has(at)) return;
    const parent = dirname(`/${at}`);
    if (parent !== "/") this.directory(parent);
    this.#entries.set(at, make(at));
  }
}
