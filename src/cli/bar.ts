const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** True when the locale's characters are UTF-8: others show no block elements. */
export function showsBlocks(env: NodeJS.ProcessEnv): boolean {
  return /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "");
}

/** A bar of `width` characters, filled to `share` (0 to 1, more is full). */
export function bar(share: number, width: number, blocks: boolean): string {
  const filled = Math.min(Math.max(share, 0), 1) * width;
  if (!blocks) return "#".repeat(Math.round(filled)).padEnd(width, ".");
  const whole = Math.floor(filled);
  return `${"█".repeat(whole)}${eighths[Math.floor((filled - whole) * 8)]}`.padEnd(width, "·");
}
