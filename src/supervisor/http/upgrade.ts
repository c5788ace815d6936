import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What came on a connection after the body of the request that asked to have it upgraded. */
const surplus = new WeakMap<IncomingMessage, Buffer>();

/** The bytes that a client sent behind its request: the first of the stream that the connection becomes. */
export function takeSurplus(request: IncomingMessage): Buffer {
  const bytes = surplus.get(request) ?? Buffer.alloc(0);
  surplus.delete(request);
  return bytes;
}

/** A request that asks for an upgrade and says neither how long its body is nor that it has none cannot be read. */
const lastChunk = Buffer.from("0\r\n\r\n");

/** How many bytes the body has; undefined for one that cannot be read. */
function bodyLength(
  request: IncomingMessage,
  head: Buffer,
): { readonly skip: number; readonly length: number } | undefined {
  if (request.headers["transfer-encoding"] !== undefined) {
    const empty = head.length === 0 || head.subarray(0, lastChunk.length).equals(lastChunk);
    return empty ? { skip: Math.min(head.length, lastChunk.length), length: 0 } : undefined;
  }
  const text = request.headers["content-length"] ?? "0";
  return /^\d{1,15}$/.test(text) ? { skip: 0, length: Number(text) } : undefined;
}

/**
 * Node gives a request with an `Upgrade` header to its listeners without looking at the body, which docker's clients send
 * all the same. Gives `request` its body back, and a response to answer with as if nothing special had been asked; then
 * `handle` is called. A connection that is not taken over ends with the answer.
 * @param limit The largest body, in bytes.
 */
export function serveUpgrade(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  limit: number,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  socket.on("error", () => socket.destroy());
  const body = bodyLength(request, head);
  if (body === undefined || body.length > limit) {
    socket.end(
      `HTTP/1.1 ${body === undefined ? "400 Bad Request" : "413 Payload Too Large"}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
    );
    return;
  }
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once("finish", () => {
    response.detachSocket(socket);
    socket.end();
    socket.resume();
  });
  // The body is given by us: reading it must not set the connection flowing.
  request._read = () => undefined;
  const parts: Buffer[] = [head.subarray(body.skip)];
  let length = parts[0]?.length ?? 0;
  const complete = (): void => {
    const all = Buffer.concat(parts);
    if (body.length > 0) request.push(all.subarray(0, body.length));
    request.push(null);
    request.complete = true;
    surplus.set(request, all.subarray(body.length));
    handle(request, response);
  };
  if (length >= body.length) {
    complete();
    return;
  }
  const leave = (): void => {
    socket.destroy();
  };
  const take = (bytes: Buffer): void => {
    parts.push(bytes);
    length += bytes.length;
    if (length < body.length) return;
    socket.off("data", take);
    socket.off("end", leave);
    socket.pause();
    complete();
  };
  socket.on("data", take);
  socket.on("end", leave);
}
