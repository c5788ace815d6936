import { countIn } from "./count.ts";
import type { LimitHits, LimitInForce } from "./in-force.ts";
import { keyed } from "./keyed.ts";

/* What cgroup v1 and v2 have by the same names. */

/** Reads a file of the container's cgroup; undefined when it is not there. */
export type ReadFile = (file: string) => string | undefined;

/** Counters of a file `key number` a line, under names of what they count. */
export function hitsIn(text: string | undefined, names: Readonly<Record<string, string>>): LimitHits[] {
  return Object.entries(names).map(([key, what]) => ({ what, count: keyed(text, key) ?? 0 }));
}

export function processRows(read: ReadFile): LimitInForce[] {
  const used = countIn(read("pids.current"));
  if (used === undefined) return [];
  return [
    {
      ...{ name: "processes", option: "--pids-limit", file: "pids.max", unit: "processes", used },
      limit: countIn(read("pids.max")),
      hits: hitsIn(read("pids.events"), { max: "forks refused" }),
    },
  ];
}

export function cpuSetRows(read: ReadFile): LimitInForce[] {
  const rows = [
    ["cpuset.cpus", "--cpuset-cpus", "CPUs"],
    ["cpuset.mems", "--cpuset-mems", "memory nodes"],
  ] as const;
  return rows.flatMap(([file, option, name]): LimitInForce[] => {
    const limit = read(file)?.trim() ?? "";
    return limit === "" ? [] : [{ name, option, file, unit: "list", limit, hits: [] }];
  });
}

/** What each scheduler of disks has as the weight of who has been given none: 500 was that of CFQ, before Linux 5.0. */
const usualWeights: Readonly<Record<string, string>> = { "blkio.weight": "500" };

/** Weights at disks, where they are not the usual ones; `100`, or `default 100` and `8:0 200` a line a device. */
export function weightRows(read: ReadFile, files: readonly string[]): LimitInForce[] {
  const unit = "weight";
  return files.flatMap((file) => {
    const text = read(file) ?? "";
    const rows: LimitInForce[] = [];
    const general = /^(?:default )?(\d+)$/m.exec(text)?.[1];
    if (general !== undefined && !file.endsWith("_device") && general !== (usualWeights[file] ?? "100")) {
      const of = { name: "disk weight", option: "--blkio-weight", file, unit } as const;
      rows.push({ ...of, limit: Number(general), hits: [] });
    }
    for (const [, device = "", weight] of text.matchAll(/^(\d+:\d+) (\d+)$/gm)) {
      const of = { name: `weight ${device}`, option: "--blkio-weight-device", file, unit } as const;
      rows.push({ ...of, limit: Number(weight), hits: [] });
    }
    return rows;
  });
}
