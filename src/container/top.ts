import { detectCgroups } from "../../cgroup/host.ts";
import { listProcesses } from "../../cgroup/processes.ts";
import { ConflictError, hasErrno, SetupError, UsageError } from "../core/errors.ts";
import { describeProcesses, type ProcessTable } from "./processes.ts";
import type { ContainerRecord } from "./record.ts";

const defaultOptions = ["-ef"];

/**
 * The lines of ps(1) that are about `pids`: by the column PID; the last column may hold blanks. A line of a thread has
 * `-` there, and belongs to the process above it.
 * @throws UsageError when there is no such column.
 */
export function pickProcesses(output: string, pids: ReadonlySet<number>): ProcessTable {
  const [first = "", ...lines] = output.split("\n");
  const titles = first.trim().split(/\s+/);
  const column = titles.indexOf("PID");
  if (column < 0) throw new UsageError("top: ps shows no column PID with these options: add pid to -o");
  const rows: string[][] = [];
  let belongs = false;
  for (const line of lines) {
    const fields = line.trim().split(/\s+/);
    if (fields.length < titles.length - 1 || fields[0] === "") continue;
    const pid = fields[column] ?? "";
    if (pid !== "-") belongs = /^\d+$/.test(pid) && pids.has(Number(pid));
    if (!belongs) continue;
    const last = titles.length - 1;
    rows.push([...fields.slice(0, last), fields.slice(last).join(" ")]);
  }
  return { Titles: titles, Processes: rows };
}

/** What ps(1) of this host says; undefined when there is none. */
async function runPs(options: readonly string[]): Promise<string | undefined> {
  const { execa } = await import("execa");
  const result = await execa("ps", options, {
    reject: false,
    stdin: "ignore",
    env: { LC_ALL: "C.UTF-8", COLUMNS: "100000" },
  });
  if (result.failed && hasErrno(result.cause, "ENOENT")) return undefined;
  // In a strange /proc it may fail at what we can read ourselves.
  if (result.failed && options === defaultOptions) return undefined;
  // It ends with 1 when it finds nobody, which is no failure of its options.
  if (result.exitCode !== 0 && result.stderr !== "") {
    const [line = ""] = result.stderr.trim().split("\n");
    throw new UsageError(`top: ps ${options.join(" ")}: ${line.replace(/^error: /, "")}`);
  }
  if (result.exitCode === undefined) throw new SetupError(`ps was ended by ${result.signal ?? "an error"}`);
  return result.stdout;
}

/**
 * The processes of a container as ps(1) of this host shows them, by their pids here. Without ps the columns of `ps -ef`
 * are read from /proc.
 * @param options For ps; none means -ef.
 * @throws ConflictError when it does not run, UsageError for what ps refuses.
 */
export async function listTop(
  record: ContainerRecord,
  options: readonly string[] = [],
): Promise<ProcessTable> {
  if ((record.state !== "running" && record.state !== "paused") || record.cgroup === undefined) {
    throw new ConflictError(`container ${record.name} is not running`);
  }
  const asked = options.length === 0 ? defaultOptions : options;
  const output = await runPs(asked);
  // Asked afterwards, so that what ps itself has not seen is not missed either.
  const pids = listProcesses(detectCgroups(), record.cgroup, record.init?.pid);
  if (output !== undefined) return pickProcesses(output, new Set(pids));
  if (asked.join(" ") !== "-ef") {
    throw new SetupError(
      "top: options are for ps(1), which is not installed (Debian: apt-get install procps)",
    );
  }
  return describeProcesses(pids);
}
