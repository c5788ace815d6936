import type { FastifyInstance } from "fastify";
import type { Healed } from "../../container/healed.ts";
import type { LimitEvent } from "../../container/record.ts";
import type { RunRequest } from "../../container/request.ts";
import { containerEvent } from "../attributes.ts";
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

const limitEventSchema = {
  type: "object",
  additionalProperties: false,
  required: ["container", "at", "action", "attributes"],
  properties: {
    container: {
      type: "object",
      additionalProperties: false,
      required: ["id", "name", "image", "labels"],
      properties: {
        id: { type: "string", pattern: "^[0-9a-f]{64}$" },
        name: { type: "string" },
        image: { type: "string" },
        labels: { type: "object", additionalProperties: { type: "string" } },
      },
    },
    at: { type: "string" },
    action: { enum: ["oom", "soft_limit", "pids_limit", "throttled", "pressure"] },
    attributes: { type: "object", additionalProperties: { type: "string" } },
  },
} as const;

type TellingBody = LimitEvent & { readonly container: Parameters<typeof containerEvent>[1] };

/**
 * POST /mdocker/create and /mdocker/update/ID: as those of /containers, with mdocker's own requests as bodies: nothing is
 * lost in translation. POST /mdocker/impairments: a link was impaired for a time. POST /mdocker/healed: `network reload`
 * has mended something. POST /mdocker/limit-events: what the limits of a container in the foreground have done, whose
 * run watches them.
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
  app.post("/mdocker/limit-events", { schema: { body: limitEventSchema } }, async (request, reply) => {
    const { container, action, attributes } = request.body as TellingBody;
    engine.events.emit(containerEvent(action, container, attributes));
    return reply.code(204).send();
  });
  app.post("/mdocker/impairments", async (_request, reply) => {
    engine.impairedForATime();
    return reply.code(204).send();
  });
}
