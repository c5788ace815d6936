import type { FastifyRequest } from "fastify";
import type { Query } from "./query.ts";

/** The container, exec or other thing that the path of a request names. */
export function referenceOf(request: FastifyRequest): string {
  return (request.params as { readonly id: string }).id;
}

/** The query of a request. */
export function queryOf(request: FastifyRequest): Query {
  return request.query as Query;
}
