/**
 * How many processes the kernel has killed for want of memory, from the content of the files that `watchFiles` names:
 * memory.oom_control (v1, Linux 4.13 and later) or memory.events (v2). Whatever else is in the text is passed over.
 */
export function parseOom(text: string): number {
  let kills = 0;
  for (const [, count] of text.matchAll(/^oom_kill (\d+)$/gm)) kills += Number(count);
  return kills;
}

/**
 * How often the limit of the cgroup itself left it without memory, from the same text: when the host has none left,
 * processes are killed too, and this stays 0. Undefined on v1, which does not count it.
 */
export function parseLimitOom(text: string): number | undefined {
  const count = /^oom (\d+)$/m.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}
