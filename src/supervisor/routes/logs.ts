import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";
import { readRequest } from "../../container/create.ts";
import { containerPaths } from "../../container/store.ts";
import { UsageError } from "../../core/errors.ts";
import { parseMoment } from "../../logs/moment.ts";
import { type ReadOptions, readLogBatches } from "../../logs/read.ts";
import type { Engine } from "../engine.ts";
import { openAnswer } from "../http/answer.ts";
import { NotSupportedError } from "../http/errors.ts";
import { streamType } from "../http/hijack.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { flagOf, type Query, textOf } from "../http/query.ts";
import { LogStream } from "../log-stream.ts";

/** How many messages of the end are wanted; undefined: all. @throws UsageError */
function tailOf(query: Query): number | undefined {
  const text = textOf(query, "tail") ?? "all";
  if (text === "all" || /^-\d{1,9}$/.test(text)) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`tail: ${JSON.stringify(text)}: expected a number of lines, or all`);
}

/** A moment; clients say 0 for none. @throws UsageError */
function limitOf(query: Query, name: "since" | "until"): ReadOptions["since"] {
  const text = textOf(query, name);
  return text === undefined || text === "0" ? undefined : parseMoment(text, name);
}

/** What of the log is wanted. @throws UsageError */
function wishesOf(query: Query): Omit<ReadOptions, "follow" | "signal"> {
  const [stdout, stderr] = [flagOf(query, "stdout"), flagOf(query, "stderr")];
  if (!stdout && !stderr) throw new UsageError("Bad parameters: you must choose at least one stream");
  return {
    stdout,
    stderr,
    tail: tailOf(query),
    since: limitOf(query, "since"),
    until: limitOf(query, "until"),
  };
}

/** Writes the log no faster than the client takes it. */
async function send(
  response: ServerResponse,
  directory: string,
  options: ReadOptions,
  stream: LogStream,
): Promise<void> {
  const closed = once(response, "close");
  for await (const entries of readLogBatches(directory, options)) {
    if (response.destroyed) return;
    if (!response.write(stream.bytes(entries))) await Promise.race([once(response, "drain"), closed]);
  }
  response.end();
}

/** GET /containers/ID/logs: what a container has written, and with `follow` what it writes, until it ends. */
export function registerLogs(app: FastifyInstance, engine: Engine): void {
  app.get("/containers/:id/logs", async (request, reply) => {
    const query = queryOf(request);
    const { instance } = engine;
    const record = engine.find(referenceOf(request));
    const made = readRequest(instance, record.id);
    if (made === undefined)
      throw new NotSupportedError(
        `container ${record.name} was run in the foreground: its output is not kept`,
      );
    if (made.log?.driver === "none")
      throw new NotSupportedError("configured logging driver does not support reading");
    const wishes = wishesOf(query);
    const gone = new AbortController();
    // Its end is told when the log is complete. One that has just ended may not have been told yet.
    const end = engine.wait(record.id, "not-running", gone.signal).catch(() => undefined);
    const runs = record.state === "running" || record.state === "paused";
    if (!runs) await end;
    const follow = flagOf(query, "follow") && runs ? end : undefined;
    const response = openAnswer(reply, streamType(request, made.terminal));
    response.once("close", () => gone.abort());
    const stream = new LogStream({
      terminal: made.terminal,
      timestamps: flagOf(query, "timestamps"),
      details: flagOf(query, "details"),
    });
    const { directory } = containerPaths(instance, record.id);
    try {
      await send(response, directory, { ...wishes, follow, signal: gone.signal }, stream);
    } catch (error) {
      // The headers have gone: that the answer is not whole is all that can be told.
      response.destroy(error as Error);
    }
  });
}
