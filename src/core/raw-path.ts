/**
 * A path whose bytes need not be UTF-8, as a string with one character (U+0000 to U+00FF) a byte. File names that a
 * container or a foreign image chose must be kept so, or a file called `\xff` could be neither found nor removed.
 */
export type RawPath = string;

/** Most paths are, and need no conversion: this is on the way of every start. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** The raw form of a usual path. */
export function rawPath(text: string): RawPath {
  return isAscii(text) ? text : Buffer.from(text).toString("latin1");
}

/** What Node's file calls take. */
export function pathBytes(raw: RawPath): string | Buffer {
  return isAscii(raw) ? raw : Buffer.from(raw, "latin1");
}

/** For people, and for paths known to be UTF-8: other bytes become U+FFFD. */
export function pathText(raw: RawPath): string {
  return isAscii(raw) ? raw : Buffer.from(raw, "latin1").toString();
}
