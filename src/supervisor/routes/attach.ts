import type { FastifyInstance } from "fastify";
import { defaultDetachKeys, parseDetachKeys } from "../../core/detach-keys.ts";
import { ConflictError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import { watchKeys } from "../http/detach.ts";
import { hijack } from "../http/hijack.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { flagOf, textOf } from "../http/query.ts";
import { relay } from "../http/relay.ts";

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
    try {
      const connection = hijack(request, reply, attachment.terminal);
      const { terminal, stdout, stderr, stdin } = attachment;
      const watched =
        terminal && wanted.stdin && stdin !== undefined
          ? watchKeys(stdin, keys, () => connection.end(() => connection.destroy()))
          : stdin;
      relay(connection, { terminal, stdout, stderr, stdin: watched }, wanted, () => attachment.detach());
    } catch (error) {
      attachment.detach();
      throw error;
    }
  });
}
