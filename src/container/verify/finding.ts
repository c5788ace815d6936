/** One thing that was looked at: what it should be, what it is, and whether that holds. */
export interface Finding {
  /** What it belongs to: `namespaces`, `mounts`. */
  readonly group: string;
  readonly check: string;
  readonly expected: string;
  readonly found: string;
  readonly ok: boolean;
}

/** Makes the findings of one group. */
export function findings(group: string): {
  readonly list: Finding[];
  readonly add: (check: string, expected: string, found: string, ok?: boolean) => void;
} {
  const list: Finding[] = [];
  const add = (check: string, expected: string, found: string, ok = expected === found): void => {
    list.push({ group, check, expected, found, ok });
  };
  return { list, add };
}

/** `3 of 5: a, b, c`: at most so many names, for a line of a table. */
export function listed(names: readonly string[], most = 6): string {
  return names.length <= most
    ? names.join(", ")
    : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}
