import type { Command } from "commander";
import { awaitLogEnd, isLogComplete } from "../container/await-log.ts";
import { readRequest } from "../container/create.ts";
import type { ContainerRecord } from "../container/record.ts";
import { findContainer } from "../container/refresh.ts";
import { containerPaths } from "../container/store.ts";
import { MdockerError, UsageError } from "../core/errors.ts";
import { type Instance, supervisorSocket } from "../core/paths.ts";
import { parseMoment } from "../logs/moment.ts";
import { type ReadOptions, readLogBatches } from "../logs/read.ts";
import { LogPrinter } from "./log-printer.ts";
import { say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail: string;
  readonly since?: string;
  readonly until?: string;
  readonly timestamps?: boolean;
  readonly details?: boolean;
}

/** How many messages of the end are wanted; undefined: all. @throws UsageError */
function tailOf(text: string): number | undefined {
  if (text === "all" || /^-\d{1,9}$/.test(text)) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--tail: ${JSON.stringify(text)}: expected a number of lines, or all`);
}

/** @throws UsageError when nobody keeps what the container writes. */
function requireLog(instance: Instance, { id, name }: ContainerRecord): void {
  const request = readRequest(instance, id);
  if (request === undefined)
    throw new UsageError(`container ${name} was run in the foreground: its output is not kept`);
  if (request.log?.driver === "none")
    throw new UsageError(`container ${name} was made with --log-driver none: its output is not kept`);
}

async function isKept(instance: Instance): Promise<boolean> {
  const { isListenedTo } = await import("../supervisor/http/socket.ts");
  return isListenedTo(supervisorSocket(instance));
}

/** What a container writes while no supervisor is there waits in its FIFOs: one has to come for it. */
async function ensureKept(instance: Instance): Promise<void> {
  if (await isKept(instance)) return;
  const { startSupervisor } = await import("./start-supervisor.ts");
  try {
    await startSupervisor(instance);
  } catch (error) {
    if (!(error instanceof MdockerError)) throw error;
    say(`the latest output may be missing: ${error.message}`);
  }
}

async function show(instance: Instance, reference: string, options: LogsOptions): Promise<void> {
  const record = findContainer(instance, reference);
  const wanted: ReadOptions = {
    tail: tailOf(options.tail),
    since: options.since === undefined ? undefined : parseMoment(options.since, "--since"),
    until: options.until === undefined ? undefined : parseMoment(options.until, "--until"),
    stdout: true,
    stderr: true,
  };
  requireLog(instance, record);
  const runs = record.state === "running" || record.state === "paused";
  const over = new AbortController();
  const end = (): Promise<void> => awaitLogEnd(instance, record, () => isKept(instance), over.signal);
  if (!isLogComplete(instance, record)) {
    await ensureKept(instance);
    if (!runs) await end();
  }
  const follow = options.follow === true && runs ? end() : undefined;
  const printer = new LogPrinter({
    timestamps: options.timestamps === true,
    details: options.details === true,
  });
  const { directory } = containerPaths(instance, record.id);
  try {
    for await (const entries of readLogBatches(directory, { ...wanted, follow })) printer.print(entries);
  } finally {
    over.abort();
    await follow?.catch(() => undefined);
  }
}

/** Adds `logs`. */
export function registerLogs(program: Command): void {
  const command = program
    .command("logs")
    .summary("show what a container has written")
    .description(
      "Shows the output of a detached container, running or not: its stdout on stdout, its stderr on stderr. Times are " +
        "RFC 3339 (2026-01-31T12:00:00Z, or a part of it), seconds since 1970, or how long ago (10m, 1h30m).",
    )
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .option("-f, --follow", "go on until the container ends")
    .option("-n, --tail <number>", "only so many lines of the end, or all", "all")
    .option("--since <time>", "only from this time on")
    .option("--until <time>", "only up to this time")
    .option("-t, --timestamps", "begin each line with its time")
    .option("--details", "begin each line with what --log-opt labels, env and tag tell of the container")
    .action(async (reference: string, options: LogsOptions) => {
      requireRoot("logs ...");
      await show(instanceOf(command), reference, options);
    });
}
