import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";

/**
 * Begins an answer whose body comes later, in parts: its headers are sent now. Ends with `end()`; `close` is emitted when
 * the client has gone.
 */
export function openAnswer(reply: FastifyReply, contentType: string): ServerResponse {
  reply.hijack();
  const response = reply.raw;
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) response.setHeader(name, value);
  response.writeHead(200, { "content-type": contentType });
  response.flushHeaders();
  return response;
}
