/** The number in the file `key number` a line (memory.stat, cpu.stat, cgroup.events); undefined when `key` is not there. */
export function keyed(text: string | undefined, key: string): number | undefined {
  const line = text?.split("\n").find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? undefined : Number(line.slice(key.length + 1));
}
