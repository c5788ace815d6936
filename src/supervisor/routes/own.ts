import type { FastifyInstance } from "fastify";
import type { RunRequest } from "../../container/request.ts";
import type { Engine } from "../engine.ts";
import { runRequestSchema } from "../run-request-schema.ts";

/** POST /mdocker/create: as /containers/create, with mdocker's own RunRequest as body: nothing is lost in translation. */
export function registerOwn(app: FastifyInstance, engine: Engine): void {
  app.post("/mdocker/create", { schema: { body: runRequestSchema } }, async (request, reply) => {
    const { record, warnings } = await engine.create(request.body as RunRequest);
    return reply.code(201).send({ Id: record.id, Warnings: warnings });
  });
}
