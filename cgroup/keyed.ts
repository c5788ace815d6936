/** The number in the file `key number` a line (memory.stat, cpu.stat, cgroup.events); undefined when `key` is not there. */
export function keyed(text: string | undefined, key: string): number | undefined {
  const line = text?.split("\n").find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? undefined : Number(line.slice(key.length + 1));
}

/** All numbers of a file `key number` a line. */
export function keyedAll(text: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const blank = line.indexOf(" ");
    if (blank > 0) found[line.slice(0, blank)] = Number(line.slice(blank + 1));
  }
  return found;
}
