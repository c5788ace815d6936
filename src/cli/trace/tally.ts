/** What has been seen of one system call. */
export interface Count {
  /** Calls, or in sampling mode how often it was met. */
  readonly calls: number;
  readonly errors: number;
  readonly seconds: number;
}

/** One row of what was seen. */
export interface TallyRow extends Count {
  /** `sh (12)`, or `sleep (3 processes)`; empty in a summary of all. */
  readonly process: string;
  readonly name: string;
}

/** Processes of one name: shells start the same programs again and again. */
interface Group {
  readonly pids: Set<number>;
  readonly counts: Map<string, Count>;
}

const none: Count = { calls: 0, errors: 0, seconds: 0 };

function sum(a: Count, b: Count): Count {
  return { calls: a.calls + b.calls, errors: a.errors + b.errors, seconds: a.seconds + b.seconds };
}

function byTime(a: TallyRow, b: TallyRow): number {
  return b.seconds - a.seconds || b.calls - a.calls || a.name.localeCompare(b.name);
}

/** Adds up system calls by the name of the process and that of the call. */
export class Tally {
  readonly #groups = new Map<string, Group>();

  add(process: string, pid: number, name: string, count: Partial<Count> = {}): void {
    let group = this.#groups.get(process);
    if (group === undefined) {
      group = { pids: new Set(), counts: new Map() };
      this.#groups.set(process, group);
    }
    group.pids.add(pid);
    group.counts.set(name, sum(group.counts.get(name) ?? none, { ...none, calls: 1, ...count }));
  }

  /** By process and call, those that took longest first. */
  rows(): TallyRow[] {
    return [...this.#groups]
      .flatMap(([name, { pids, counts }]) => {
        const [pid] = pids;
        const process = `${name} (${pids.size === 1 ? pid : `${pids.size} processes`})`;
        return [...counts].map(([call, count]) => ({ process, name: call, ...count }));
      })
      .sort(byTime);
  }

  /** The same over all processes. */
  summary(): TallyRow[] {
    const counts = new Map<string, Count>();
    for (const row of this.rows()) counts.set(row.name, sum(counts.get(row.name) ?? none, row));
    return [...counts].map(([name, count]) => ({ process: "", name, ...count })).sort(byTime);
  }
}
