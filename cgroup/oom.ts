/**
 * How many processes the kernel has killed for want of memory, from the content of the files that `watchFiles` names:
 * memory.oom_control (v1, Linux 4.13 and later) or memory.events (v2). Whatever else is in the text is passed over.
 */
export function parseOom(text: string): number {
  let kills = 0;
  for (const [, count] of text.matchAll(/^oom_kill (\d+)$/gm)) kills += Number(count);
  return kills;
}
