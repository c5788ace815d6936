import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { FastifyInstance } from "fastify";
import { containerPaths } from "../../container/store.ts";
import { defaultDetachKeys, parseDetachKeys } from "../../core/detach-keys.ts";
import { ConflictError } from "../../core/errors.ts";
import { momentOf } from "../../logs/moment.ts";
import { type ReadOptions, readLogBatches } from "../../logs/read.ts";
import type { Engine } from "../engine.ts";
import { watchKeys } from "../http/detach.ts";
import { hijack } from "../http/hijack.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { flagOf, textOf } from "../http/query.ts";
import { relay } from "../http/relay.ts";
import { LogStream } from "../log-stream.ts";

/** Sends what the container has written so far; the streams it is attached to wait meanwhile. */
async function showPast(
  engine: Engine,
  id: string,
  connection: Duplex,
  wanted: Pick<ReadOptions, "stdout" | "stderr" | "until">,
  terminal: boolean,
): Promise<void> {
  const stream = new LogStream({ terminal, timestamps: false, details: false });
  const { directory } = containerPaths(engine.instance, id);
  for await (const entries of readLogBatches(directory, wanted)) {
    if (connection.destroyed) return;
    if (!connection.write(stream.bytes(entries)))
      await Promise.race([once(connection, "drain"), once(connection, "close")]);
  }
}

/** POST /containers/ID/attach: the connection becomes the container's streams. */
export function registerAttach(app: FastifyInstance, engine: Engine): void {
  app.post("/containers/:id/attach", (request, reply) => {
    const query = queryOf(request);
    const { id, state } = engine.find(referenceOf(request));
    if (state === "paused")
      throw new ConflictError(`Container ${id} is paused, unpause the container before attach`);
    const keys = parseDetachKeys(textOf(query, "detachKeys") ?? defaultDetachKeys);
    const wanted = {
      stdin: flagOf(query, "stdin"),
      stdout: flagOf(query, "stdout"),
      stderr: flagOf(query, "stderr"),
    };
    const attachment = engine.attach(id);
    // What is written from now on comes by the attachment.
    const until = momentOf(new Date().toISOString());
    try {
      const connection = hijack(request, reply, attachment.terminal);
      const { terminal, stdout, stderr, stdin } = attachment;
      const watched =
        terminal && wanted.stdin && stdin !== undefined
          ? watchKeys(stdin, keys, () => connection.end(() => connection.destroy()))
          : stdin;
      const follow = (): void =>
        relay(connection, { terminal, stdout, stderr, stdin: watched }, wanted, () => attachment.detach());
      if (!flagOf(query, "logs")) follow();
      else void showPast(engine, id, connection, { ...wanted, until }, terminal).then(follow, follow);
    } catch (error) {
      attachment.detach();
      throw error;
    }
  });
}
