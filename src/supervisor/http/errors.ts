import {
  ConflictError,
  MdockerError,
  messageOf,
  NotFoundError,
  NotModifiedError,
  UsageError,
} from "../../core/errors.ts";

/** The API has this, mdocker does not: 501. The message is a sentence that says what to do instead. */
export class NotSupportedError extends MdockerError {}

/** Fastify's own errors (a body too large, not JSON, not as its schema) carry the status they mean. */
function ownStatus(error: unknown): number | undefined {
  const { statusCode } = error as { readonly statusCode?: unknown };
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 600 ? statusCode : undefined;
}

/** The HTTP status that tells a docker client of `error`. */
export function statusOf(error: unknown): number {
  if (error instanceof NotSupportedError) return 501;
  if (error instanceof NotFoundError) return 404;
  if (error instanceof ConflictError) return 409;
  if (error instanceof NotModifiedError) return 304;
  if (error instanceof UsageError) return 400;
  if (error instanceof MdockerError) return 500;
  return (error instanceof Error ? ownStatus(error) : undefined) ?? 500;
}

/** The message of `error` as docker's clients know it: some of them look for "No such container". */
export function clientMessage(error: unknown): string {
  const message = messageOf(error);
  return error instanceof NotFoundError ? message.replace(/^no such/, "No such") : message;
}
