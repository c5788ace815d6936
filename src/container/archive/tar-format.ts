import type { EntryKind } from "./entry.ts";

/**
 * A tar header, POSIX ustar (pax(1)): name @0 100 · mode @100 8 · uid @108 8 · gid @116 8 · size @124 12 · mtime @136 12 ·
 * checksum @148 8 · type @156 1 · linkname @157 100 · magic @257 6 · version @263 2 · uname @265 32 · gname @297 32 ·
 * devmajor @329 8 · devminor @337 8 · prefix @345 155. A block is 512 bytes, content is filled up to whole blocks.
 */
export const tar = {
  block: 512,
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: 156,
  linkname: [157, 100],
  magic: [257, 8],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
} as const;

/** Type letters of the kinds. */
export const typeLetters: Readonly<Record<EntryKind, string>> = {
  file: "0",
  link: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** How extended attributes are named in the extended header of an entry (star, GNU tar, Go). */
export const attributePrefix = "SCHILY.xattr.";

/** The sum of a header's bytes, those of the checksum field taken as blanks. */
export function checksum(header: Uint8Array): number {
  const [at, length] = tar.checksum;
  let sum = 32 * length;
  for (let i = 0; i < tar.block; i += 1) if (i < at || i >= at + length) sum += header[i] ?? 0;
  return sum;
}

/** How many bytes fill `size` up to whole blocks. */
export function padding(size: number): number {
  return (tar.block - (size % tar.block)) % tar.block;
}
