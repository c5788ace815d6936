import { readFileSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";

const magic = "glibc-ld.so.cache1.1";
const headerSize = 48;
const entrySize = 24;

/**
 * The libraries that ld.so.cache(8) knows, by soname, best first as the loader takes them; variants for newer processors
 * (glibc-hwcaps) are left out, as the image is to run anywhere. Layout (glibc, dl-cache.h), all little endian on our
 * machines: magic 20 bytes, nlibs u32@20, strings u32@24, padded to 48; an entry: flags i32@0 · key u32@4 · value u32@8 ·
 * osversion u32@12 · hwcap u64@16, key and value being offsets from the magic.
 */
export function parseLoaderCache(bytes: Buffer): Map<string, string[]> {
  const found = new Map<string, string[]>();
  // An old-format table may stand before the new one.
  const start = bytes.indexOf(magic, 0, "latin1");
  if (start < 0 || bytes.length < start + headerSize) return found;
  const cache = bytes.subarray(start);
  const count = Math.min(cache.readUInt32LE(20), Math.floor((cache.length - headerSize) / entrySize));
  const text = (offset: number) => cache.toString("utf8", offset, Math.max(offset, cache.indexOf(0, offset)));
  for (let i = 0; i < count; i += 1) {
    const at = headerSize + i * entrySize;
    if (cache.readBigUInt64LE(at + 16) !== 0n) continue;
    const soname = text(cache.readUInt32LE(at + 4));
    const path = text(cache.readUInt32LE(at + 8));
    if (soname !== "" && path.startsWith("/")) found.set(soname, [...(found.get(soname) ?? []), path]);
  }
  return found;
}

/** The host's cache; empty where there is none (musl). */
export function readLoaderCache(path = "/etc/ld.so.cache"): Map<string, string[]> {
  try {
    return parseLoaderCache(readFileSync(path));
  } catch (error) {
    if (hasErrno(error, "ENOENT", "EACCES")) return new Map();
    throw error;
  }
}
