import type { FastifyInstance } from "fastify";
import { messageOf, UsageError } from "../../core/errors.ts";
import type { Engine, WaitCondition } from "../engine.ts";
import { openAnswer } from "../http/answer.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { textOf } from "../http/query.ts";

const conditions: readonly WaitCondition[] = ["not-running", "next-exit", "removed"];

function conditionOf(text: string | undefined): WaitCondition {
  const condition = conditions.find((one) => one === (text ?? "not-running"));
  if (condition === undefined)
    throw new UsageError(`invalid condition: "${text}": expected one of ${conditions.join(", ")}`);
  return condition;
}

/**
 * POST /containers/ID/wait. Clients ask before they start the container and go on when the headers are there: they are
 * sent when the waiting has begun, and the exit code when it is over.
 */
export function registerWait(app: FastifyInstance, engine: Engine): void {
  app.post("/containers/:id/wait", (request, reply) => {
    const condition = conditionOf(textOf(queryOf(request), "condition"));
    const { id } = engine.find(referenceOf(request));
    const gone = new AbortController();
    const waiting = engine.wait(id, condition, gone.signal);
    const response = openAnswer(reply, "application/json");
    response.once("close", () => gone.abort());
    waiting.then(
      ({ code, error }) =>
        response.end(
          `${JSON.stringify({ StatusCode: code, ...(error === undefined ? {} : { Error: { Message: error } }) })}\n`,
        ),
      (error: unknown) => {
        if (gone.signal.aborted) return;
        response.end(`${JSON.stringify({ StatusCode: -1, Error: { Message: messageOf(error) } })}\n`);
      },
    );
  });
}
