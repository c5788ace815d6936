import type { IncomingMessage } from "node:http";
import { UsageError } from "../../core/errors.ts";

/** The newest version of the Docker Engine API that is spoken, and the oldest: minor numbers after `1.`. */
export const newestApi = 47;
export const oldestApi = 24;

/** What a client asked for that put a version in front of its path. */
const asked = new WeakMap<IncomingMessage, { readonly major: number; readonly minor: number }>();

/** The path without `/v1.NN` in front, which is remembered. */
export function withoutVersion(request: IncomingMessage): string {
  const url = request.url ?? "/";
  const match = /^\/v(\d{1,3})\.(\d{1,3})(\/.*)$/.exec(url);
  if (match === null) return url;
  asked.set(request, { major: Number(match[1]), minor: Number(match[2]) });
  return match[3] ?? "/";
}

/** The minor number of the API version a request is made in; the newest for one that names none. */
export function apiVersionOf(request: IncomingMessage): number {
  return asked.get(request)?.minor ?? newestApi;
}

/** @throws UsageError, in docker's words, for a version that is not spoken. */
export function checkVersion(request: IncomingMessage): void {
  const version = asked.get(request);
  if (version === undefined) return;
  const { major, minor } = version;
  if (major < 1 || (major === 1 && minor < oldestApi))
    throw new UsageError(
      `client version ${major}.${minor} is too old. Minimum supported API version is 1.${oldestApi}, please upgrade your client to a newer version`,
    );
  if (major > 1 || minor > newestApi)
    throw new UsageError(
      `client version ${major}.${minor} is too new. Maximum supported API version is 1.${newestApi}`,
    );
}
