import type { FastifyInstance } from "fastify";
import type { Healed } from "../../container/healed.ts";
import type { RunRequest } from "../../container/request.ts";
import type { ContainerUpdate, Engine } from "../engine.ts";
import { tellHealed } from "../heal-events.ts";
import { referenceOf } from "../http/params.ts";
import { runRequestSchema } from "../run-request-schema.ts";

const updateSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    resources: { type: "object" },
    cpus: { type: "number" },
    restart: { type: "object", required: ["policy", "maximumRetries"] },
  },
} as const;

const healedSchema = {
  type: "array",
  items: {
    type: "object",
    required: ["network", "container", "faults"],
    properties: {
      network: { type: ["string", "null"] },
      container: { type: ["string", "null"] },
      faults: { type: "array", items: { type: "string" } },
    },
  },
} as const;

/**
 * POST /mdocker/create and /mdocker/update/ID: as those of /containers, with mdocker's own requests as bodies: nothing is
 * lost in translation. POST /mdocker/impairments: a link was impaired for a time. POST /mdocker/healed: `network reload`
 * has mended something.
 */
export function registerOwn(app: FastifyInstance, engine: Engine): void {
  app.post("/mdocker/create", { schema: { body: runRequestSchema } }, async (request, reply) => {
    const { record, warnings } = await engine.create(request.body as RunRequest);
    return reply.code(201).send({ Id: record.id, Warnings: warnings });
  });
  app.post("/mdocker/update/:id", { schema: { body: updateSchema } }, async (request) => ({
    Warnings: await engine.update(referenceOf(request), request.body as ContainerUpdate),
  }));
  app.post("/mdocker/healed", { schema: { body: healedSchema } }, async (request, reply) => {
    await tellHealed(engine.instance, engine.events, "reload", request.body as readonly Healed[]);
    return reply.code(204).send();
  });
  app.post("/mdocker/impairments", async (_request, reply) => {
    engine.impairedForATime();
    return reply.code(204).send();
  });
}
