import type { RawPath } from "../../core/raw-path.ts";

/** What a thing in an archive is; `link` is another name of a file that came before. */
export type EntryKind = "file" | "directory" | "symlink" | "link" | "character" | "block" | "fifo";

/** One thing on its way from one tree to another, or in a tar stream. */
export interface ArchiveEntry {
  /** Where it goes, below the archive's place: `dir/file`. No slash at its end. */
  readonly name: RawPath;
  readonly kind: EntryKind;
  /** Permissions, with set-user-id, set-group-id and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Bytes of a file; 0 for all else. */
  readonly size: number;
  /** What a symlink says, or the name in this archive that a link is another name of. */
  readonly target: RawPath;
  /** Of a device. */
  readonly major: number;
  readonly minor: number;
  /** Extended attributes. */
  readonly attributes: ReadonlyMap<string, Buffer>;
  /** The bytes of a file, exactly `size`; to be read before the next entry is asked for. */
  readonly content: AsyncIterable<Uint8Array> | undefined;
}
