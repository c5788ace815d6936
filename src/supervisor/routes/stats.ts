import type { FastifyInstance } from "fastify";
import { dockerStats } from "../../container/docker-stats.ts";
import type { StatsSample } from "../../container/stats.ts";
import type { Engine } from "../engine.ts";
import { openAnswer } from "../http/answer.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { flagOf } from "../http/query.ts";
import { StatsTicker } from "../stats-ticker.ts";

/**
 * GET /containers/ID/stats: a sample a second, each with the one before; with `stream=0` one with the one of a second
 * ago, with `one-shot=1` one alone.
 */
export function registerStats(app: FastifyInstance, engine: Engine): void {
  const ticker = new StatsTicker(engine.instance);
  app.get("/containers/:id/stats", (request, reply) => {
    const query = queryOf(request);
    const record = engine.find(referenceOf(request));
    const stream = flagOf(query, "stream", true);
    const first = ticker.sample(record);
    const response = openAnswer(reply, "application/json");
    const tell = (sample: StatsSample, previous: StatsSample | undefined): void => {
      // A client that does not read gets later samples, not more of them.
      if (!response.writableNeedDrain) response.write(`${JSON.stringify(dockerStats(sample, previous))}\n`);
    };
    if (!stream && (flagOf(query, "one-shot") || !first.running)) {
      tell(first, undefined);
      response.end();
      return;
    }
    if (stream) tell(first, undefined);
    let previous = first;
    const stop = ticker.watch(record.id, (sample) => {
      if (sample !== undefined) tell(sample, previous);
      if (sample === undefined || !stream) response.end();
      else previous = sample;
    });
    response.once("close", stop);
  });
}
