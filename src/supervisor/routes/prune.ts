import type { FastifyInstance } from "fastify";
import { pruneContainers, pruneTest } from "../../container/prune.ts";
import type { Engine } from "../engine.ts";
import { queryOf } from "../http/params.ts";
import { filtersOf } from "../http/query.ts";

/** POST /containers/prune: removes the containers that do not run. */
export function registerPrune(app: FastifyInstance, engine: Engine): void {
  app.post("/containers/prune", async (request) => {
    const wanted = pruneTest(filtersOf(queryOf(request), ["until", "label", "label!"]), Date.now());
    const { ids, reclaimed } = await pruneContainers(engine.instance, wanted, ({ id }) =>
      engine.remove(id, { force: false, volumes: false }),
    );
    return { ContainersDeleted: ids.length === 0 ? null : ids, SpaceReclaimed: reclaimed };
  });
}
