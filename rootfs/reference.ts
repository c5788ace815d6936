import { UsageError } from "../src/core/errors.ts";

/** The name of an image, taken apart and completed as docker does it. */
export interface Reference {
  /** Registry host with its port: `docker.io` unless named. */
  readonly domain: string;
  /** Repository below the registry: `library/lab` for a bare `lab` of docker.io. */
  readonly path: string;
  /** `latest` when neither tag nor digest was given; undefined with a digest alone. */
  readonly tag: string | undefined;
  /** `sha256:<64 hex digits>` of the manifest. */
  readonly digest: string | undefined;
}

const hostPart = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domainPattern = new RegExp(`^(?:${hostPart}(?:\\.${hostPart})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`);
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;

/** What a digest looks like; nothing else may become a path of the store. */
export const digestPattern: RegExp = /^sha256:[0-9a-f]{64}$/;

const maxNameLength = 255;
const expected = "expected [REGISTRY/]NAME[:TAG][@sha256:DIGEST], the name in lower case";

/**
 * Parses and completes an image name: `lab` is docker.io/library/lab:latest. The grammar is the one of the
 * distribution project: lower-case path components, a registry only where the first one has a dot or a port or is
 * `localhost`.
 * @throws UsageError that names the part which is not understood.
 */
export function parseReference(text: string): Reference {
  const fail = (what: string): never => {
    throw new UsageError(`image ${JSON.stringify(text)}: ${what}; ${expected}`);
  };
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !digestPattern.test(digest))
    fail(`digest ${JSON.stringify(digest)} is not sha256`);
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const givenTag = hasTag ? named.slice(colon + 1) : undefined;
  if (givenTag !== undefined && !tagPattern.test(givenTag))
    fail(`tag ${JSON.stringify(givenTag)} is malformed`);
  const { domain, path } = splitDomain(hasTag ? named.slice(0, colon) : named);
  if (!domainPattern.test(domain)) fail(`registry ${JSON.stringify(domain)} is malformed`);
  if (path.length + domain.length >= maxNameLength) fail(`a name has at most ${maxNameLength} characters`);
  for (const part of path.split("/")) {
    if (!componentPattern.test(part)) fail(`name part ${JSON.stringify(part)} is malformed`);
  }
  return { domain, path, digest, tag: givenTag ?? (digest === undefined ? "latest" : undefined) };
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isDomain = /[.:[]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  let domain = isDomain ? first : "docker.io";
  if (domain === "index.docker.io") domain = "docker.io";
  const path = isDomain ? name.slice(slash + 1) : name;
  return { domain, path: domain === "docker.io" && !path.includes("/") ? `library/${path}` : path };
}

/** The complete form, by which an image is stored: `docker.io/library/lab:latest`. */
export function canonicalName({ domain, path, tag, digest }: Reference): string {
  return `${domain}/${path}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** The repository as people write it: `lab`, `user/tool`, `ghcr.io/user/tool`. */
export function familiarRepository({ domain, path }: Reference): string {
  if (domain !== "docker.io") return `${domain}/${path}`;
  return /^library\/[^/]+$/.test(path) ? path.slice("library/".length) : path;
}

/** The shortest form that means the same: `lab:latest`. */
export function familiarName(reference: Reference): string {
  const { tag, digest } = reference;
  return `${familiarRepository(reference)}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}
