import type { FastifyInstance } from "fastify";
import type { Engine } from "../engine.ts";
import { eventFilters, matchesFilters } from "../event-filter.ts";
import { eventLine } from "../event-line.ts";
import type { EngineEvent } from "../events.ts";
import { openAnswer } from "../http/answer.ts";
import { queryOf } from "../http/params.ts";
import { filtersOf, momentOf } from "../http/query.ts";

/** How much may wait for a client that does not read, in bytes; it is dropped then. */
const patience = 1024 * 1024;

/** The longest time a timer of Node can wait, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** GET /events: what happens, line by line, from `since` (of what is remembered) until `until` or without end. */
export function registerEvents(app: FastifyInstance, engine: Engine): void {
  app.get("/events", (request, reply) => {
    const query = queryOf(request);
    const filters = filtersOf(query, eventFilters);
    const since = momentOf(query, "since");
    const until = momentOf(query, "until");
    const response = openAnswer(reply, "application/json");
    const tell = (event: EngineEvent): void => {
      if (!matchesFilters(event, filters)) return;
      response.write(eventLine(event));
      if (response.writableLength > patience) response.destroy();
    };
    if (since !== undefined || until !== undefined) {
      for (const event of engine.events.past) {
        if (event.timeNano >= (since ?? 0n) && (until === undefined || event.timeNano <= until)) tell(event);
      }
    }
    const left = until === undefined ? undefined : Number(until / 1_000_000n) - Date.now();
    if (left !== undefined && left <= 0) {
      response.end();
      return;
    }
    const stop = engine.events.listen(tell);
    const timer =
      left === undefined ? undefined : setTimeout(() => response.end(), Math.min(left, longestTimer));
    response.once("close", () => {
      stop();
      clearTimeout(timer);
    });
  });
}
