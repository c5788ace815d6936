import type { FastifyInstance } from "fastify";

/** /_ping: what docker's clients ask first, to find a version that both speak. */
export function registerPing(app: FastifyInstance): void {
  const headers = {
    // The builder that needs nothing but the API; there is none, but with another one the client would start a session.
    "builder-version": "1",
    "cache-control": "no-cache, no-store, must-revalidate",
    pragma: "no-cache",
    "content-type": "text/plain; charset=utf-8",
  };
  app.get("/_ping", async (_request, reply) => reply.headers(headers).send("OK"));
  app.head("/_ping", async (_request, reply) => reply.headers({ ...headers, "content-length": "0" }).send());
}
