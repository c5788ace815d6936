/**
 * Joins path parts that are known to be clean: no `.`, `..` or doubled slashes to resolve. node:path's join walks every
 * character for them, which in a start, where nothing is compiled yet, adds up to two milliseconds.
 */
export function join(...parts: readonly string[]): string {
  return parts.join("/");
}
