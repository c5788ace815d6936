import type { FastifyInstance } from "fastify";
import { resolveImage } from "../../../rootfs/image-store.ts";
import { readRequest } from "../../container/create.ts";
import { filterContainers, filterKeys } from "../../container/filter.ts";
import { measureContainers } from "../../container/size.ts";
import { NotFoundError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import type { Execs } from "../execs.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { filtersOf, flagOf, integerOf, textOf } from "../http/query.ts";
import { apiVersionOf } from "../http/version.ts";
import type { CreateBody } from "../translate/body.ts";
import { describeContainer } from "../translate/inspect.ts";
import { describeEntry } from "../translate/list.ts";
import { createSchema, updateSchema } from "../translate/schema.ts";
import type { Translators, UpdateBody } from "../translate/translators.ts";

/** Of what is listed unless all is asked for. */
const shownStates: ReadonlySet<string> = new Set(["running", "paused", "restarting"]);

/** POST /containers/create and /containers/ID/update; GET /containers/json and /containers/ID/json. */
export function registerContainers(
  app: FastifyInstance,
  engine: Engine,
  execs: Execs,
  translators: Translators,
): void {
  const { instance } = engine;

  app.post("/containers/create", { schema: { body: createSchema } }, async (request, reply) => {
    const body = request.body as CreateBody;
    const asked = await translators.create(body, textOf(queryOf(request), "name"));
    const { root } = asked;
    // Clients take this very answer as the sign to pull it.
    if (root.kind === "image" && resolveImage(instance, root.reference) === undefined)
      throw new NotFoundError(`no such image: ${root.reference}`);
    const { record, warnings } = await engine.create(asked);
    return reply.code(201).send({ Id: record.id, Warnings: warnings });
  });

  app.post("/containers/:id/update", { schema: { body: updateSchema } }, async (request) => {
    const update = await translators.update(request.body as UpdateBody);
    return { Warnings: await engine.update(referenceOf(request), update) };
  });

  app.get("/containers/json", async (request) => {
    const query = queryOf(request);
    const filters = filtersOf(query, filterKeys);
    const limit = integerOf(query, "limit") ?? 0;
    const all = flagOf(query, "all") || limit > 0 || filters.has("status") || filters.has("exited");
    const records = filterContainers(instance, engine.list(), filters)
      .filter(({ state }) => all || shownStates.has(state))
      .slice(0, limit > 0 ? limit : undefined);
    const sizes = flagOf(query, "size") ? measureContainers(instance, records) : undefined;
    return Promise.all(
      records.map((record) =>
        describeEntry(instance, record, readRequest(instance, record.id), sizes?.get(record.id)),
      ),
    );
  });

  app.get("/containers/:id/json", async (request) => {
    const record = engine.find(referenceOf(request));
    return describeContainer(instance, record, readRequest(instance, record.id), {
      withSize: flagOf(queryOf(request), "size"),
      execs: execs.idsOf(record.id),
      api: apiVersionOf(request.raw),
    });
  });
}
