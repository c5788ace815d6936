import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { FastifyInstance, FastifyReply } from "fastify";
import { pathStatHeader, statPath } from "../../container/archive/stat.ts";
import { exportContainer, getArchive, putArchive } from "../../container/archive/transfer.ts";
import { containerChanges } from "../../container/changes.ts";
import { UsageError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import { openAnswer } from "../http/answer.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { flagOf, type Query, textOf } from "../http/query.ts";

const statName = "x-docker-container-path-stat";
/** The numbers that the API has for what has happened to a file. */
const changeNumbers = { C: 0, A: 1, D: 2 } as const;

function pathOf(query: Query): string {
  const path = textOf(query, "path");
  if (path === undefined) throw new UsageError("path: missing: expected a path in the container");
  return path;
}

/** Sends a tar stream no faster than it is taken; one that fails cuts the answer short, which is all that can be told. */
async function sendTar(reply: FastifyReply, stream: Readable): Promise<void> {
  const response = openAnswer(reply, "application/x-tar");
  await pipeline(stream, response).catch(() => response.destroy());
}

/** HEAD, GET, PUT /containers/ID/archive; GET export and changes. */
export function registerArchive(app: FastifyInstance, engine: Engine): void {
  const { instance } = engine;

  app.head("/containers/:id/archive", async (request, reply) => {
    const stat = statPath(instance, engine.find(referenceOf(request)), pathOf(queryOf(request)));
    return reply.header(statName, pathStatHeader(stat)).code(200).send();
  });

  app.get("/containers/:id/archive", async (request, reply) => {
    const record = engine.find(referenceOf(request));
    const { stat, stream } = getArchive(instance, record, pathOf(queryOf(request)));
    void reply.header(statName, pathStatHeader(stat));
    await sendTar(reply, stream);
    return reply;
  });

  void app.register(async (scope) => {
    // Docker's client does not say what it sends.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    scope.put("/containers/:id/archive", async (request, reply) => {
      const query = queryOf(request);
      const record = engine.find(referenceOf(request));
      const options = {
        noOverwriteDirNonDir: flagOf(query, "noOverwriteDirNonDir"),
        copyUIDGID: flagOf(query, "copyUIDGID"),
      };
      await putArchive(instance, record, pathOf(query), request.body as AsyncIterable<Uint8Array>, options);
      return reply.code(200).send();
    });
  });

  app.get("/containers/:id/export", async (request, reply) => {
    await sendTar(reply, exportContainer(instance, engine.find(referenceOf(request))));
    return reply;
  });

  app.get("/containers/:id/changes", async (request) => {
    const changes = containerChanges(instance, engine.find(referenceOf(request)));
    if (changes.length === 0) return null;
    return changes.map(({ kind, path }) => ({ Path: path, Kind: changeNumbers[kind] }));
  });
}
