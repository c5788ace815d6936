import type { FastifyInstance } from "fastify";
import { listTop } from "../../container/top.ts";
import type { Engine } from "../engine.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { textOf } from "../http/query.ts";

/** GET /containers/ID/top: the container's processes as ps(1) shows them. */
export function registerProcesses(app: FastifyInstance, engine: Engine): void {
  app.get("/containers/:id/top", async (request) => {
    const options = textOf(queryOf(request), "ps_args")?.trim().split(/\s+/).filter(Boolean);
    return listTop(engine.find(referenceOf(request)), options);
  });
}
