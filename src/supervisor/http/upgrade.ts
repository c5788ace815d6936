import { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What came on a connection after the body of the request that asked to have it upgraded. */
const surplus = new WeakMap<IncomingMessage, Buffer>();

/** The bytes that a client sent behind its request: the first of the stream that the connection becomes. */
export function takeSurplus(request: IncomingMessage): Buffer {
  const bytes = surplus.get(request) ?? Buffer.alloc(0);
  surplus.delete(request);
  return bytes;
}

/** All of a body in chunks that is empty. Another one, in a request for an upgrade, is not read. */
const lastChunk = Buffer.from("0\r\n\r\n");

/** How long a client may be silent in the middle of a body, in milliseconds. */
const bodyMs = 30_000;

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

/** The same request, to be given the body that Node has already declared to be empty. */
function withBody(request: IncomingMessage, socket: Socket, body: Buffer): IncomingMessage {
  const copy = new IncomingMessage(socket);
  const { method, url, headers, rawHeaders, httpVersion, httpVersionMajor, httpVersionMinor } = request;
  Object.assign(copy, { method, url, headers, rawHeaders, httpVersion, httpVersionMajor, httpVersionMinor });
  // The body is given by us: reading it must not set the connection flowing.
  copy._read = () => undefined;
  if (body.length > 0) copy.push(body);
  copy.push(null);
  copy.complete = true;
  return copy;
}

/** A response that is the connection's last. */
function responseTo(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once("finish", () => {
    response.detachSocket(socket);
    socket.end();
    socket.resume();
  });
  return response;
}

/**
 * Node gives a request with an `Upgrade` header to its listeners without looking at the body, which docker's clients send
 * all the same. Calls `handle` with the request and its body, and a response to answer with as if nothing special had
 * been asked. A connection that is not taken over ends with the answer.
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
  const parts: Buffer[] = [head.subarray(body.skip)];
  let length = parts[0]?.length ?? 0;
  const complete = (): void => {
    const all = Buffer.concat(parts);
    const whole = withBody(request, socket, all.subarray(0, body.length));
    surplus.set(whole, all.subarray(body.length));
    handle(whole, responseTo(whole, socket));
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
    socket.setTimeout(0);
    socket.off("timeout", leave);
    socket.pause();
    complete();
  };
  socket.on("data", take);
  socket.on("end", leave);
  socket.setTimeout(bodyMs);
  socket.on("timeout", leave);
}
