/** One completed system call as strace wrote it. */
export interface TracedCall {
  readonly pid: number;
  readonly name: string;
  readonly failed: boolean;
  /** By name, of one that failed. */
  readonly errno?: string | undefined;
  readonly seconds: number;
}

/**
 * A line of `strace -f -T -o FILE`: `123 read(0, "", 1) = 0 <0.000012>`, or its end `123 <... read resumed>) = 0
 * <0.5>`. Undefined for beginnings, signals and exits. Arguments may hold anything, so only both ends are looked at.
 */
export function parseLine(line: string): TracedCall | undefined {
  const [, pid, resumed, begun] = /^(\d+)\s+(?:<\.\.\. (\w+) resumed>|(\w+)\()/.exec(line) ?? [];
  const end = / = (-?\d+|0x[0-9a-f]+|\?)(?: (E[A-Z0-9]+))?(?: \([^()]*\))?.*?(?:<(\d+\.\d+)>)?$/.exec(
    line.slice(Math.max(0, line.lastIndexOf(" = "))),
  );
  const name = resumed ?? begun;
  if (pid === undefined || name === undefined || end === null || line.endsWith("<unfinished ...>"))
    return undefined;
  return {
    pid: Number(pid),
    name,
    failed: end[1] === "-1" && end[2] !== undefined,
    ...(end[1] === "-1" && end[2] !== undefined ? { errno: end[2] } : {}),
    seconds: Number(end[3] ?? 0),
  };
}
