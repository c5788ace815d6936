import type { FastifyInstance } from "fastify";
import { UsageError } from "../../core/errors.ts";

/** Bodies of these types are handed to the route as the stream they are. */
const streamed: readonly string[] = [
  "application/x-tar",
  "application/tar",
  "application/octet-stream",
  "application/gzip",
  "application/x-gzip",
];

/** JSON of a body; nothing at all is no body. @throws UsageError */
function parseBody(bytes: Buffer): unknown {
  const text = bytes.toString().trim();
  if (text === "") return undefined;
  try {
    return JSON.parse(text, (name, value: unknown) => (name === "__proto__" ? undefined : value));
  } catch {
    throw new UsageError("the body of the request is not JSON");
  }
}

/**
 * Docker's clients send JSON, sometimes without saying so, and some requests with a type but no body at all: whatever is
 * not a stream is read as JSON.
 */
export function acceptBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  for (const type of streamed)
    app.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
  for (const type of ["application/json", "*"]) {
    app.addContentTypeParser(type, { parseAs: "buffer" }, (_request, body, done) => {
      try {
        done(null, parseBody(body as Buffer));
      } catch (error) {
        done(error as Error);
      }
    });
  }
}
