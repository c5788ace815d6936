import type { Duplex } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { UsageError } from "../../core/errors.ts";
import { noticeLeaving } from "./leaving.ts";
import { takeSurplus } from "./upgrade.ts";
import { apiVersionOf } from "./version.ts";

/** The first version of the API that names the format with frames. */
const framesNamed = 42;

/** The type of a stream of output: raw as from a terminal, or in frames. */
export function streamType(request: FastifyRequest, terminal: boolean): string {
  const framed = !terminal && apiVersionOf(request.raw) >= framesNamed;
  return `application/vnd.docker.${framed ? "multiplexed" : "raw"}-stream`;
}

/** What HTTP itself listens for on a connection; `close` stays, it frees the parser. */
const httpEvents = ["data", "end", "drain", "timeout", "error"] as const;

/**
 * Takes the connection of a request over: answers 101 when the client asked for an upgrade, else 200 without a length,
 * and returns the connection as the two-way stream it is from now on. Either side may end its direction by itself. The
 * body of the request must have been read. Nothing else is sent to the client by anybody.
 * @param terminal The stream is raw, as from a terminal, not in frames.
 */
export function hijack(request: FastifyRequest, reply: FastifyReply, terminal: boolean): Duplex {
  const upgraded =
    /\bupgrade\b/i.test(request.headers.connection ?? "") && request.headers.upgrade !== undefined;
  const { socket } = request.raw;
  // The answer to an earlier request on this connection is still being sent.
  if (reply.raw.socket !== socket)
    throw new UsageError("this request cannot be sent before the answer to the last");
  reply.hijack();
  reply.raw.detachSocket(socket);
  for (const event of httpEvents) socket.removeAllListeners(event);
  socket.setTimeout(0);
  // A first listener makes Node give the connection back from its HTTP parser, and sets it flowing: not yet.
  const nobody = (): void => undefined;
  socket.on("data", nobody);
  socket.off("data", nobody);
  socket.pause();
  socket.on("error", () => socket.destroy());
  noticeLeaving(socket);
  const surplus = takeSurplus(request.raw);
  if (surplus.length > 0) socket.unshift(surplus);
  const headers = Object.entries(reply.getHeaders()).map(([name, value]) => `${name}: ${String(value)}`);
  const lines = [
    upgraded ? "HTTP/1.1 101 UPGRADED" : "HTTP/1.1 200 OK",
    ...headers,
    `content-type: ${streamType(request, terminal)}`,
    ...(upgraded ? ["connection: Upgrade", "upgrade: tcp"] : ["connection: close"]),
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  return socket;
}
