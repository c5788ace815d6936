import type { FastifyInstance } from "fastify";
import { importImage } from "../../container/import-image.ts";
import { UsageError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import { NotSupportedError } from "../http/errors.ts";
import { queryOf } from "../http/params.ts";
import { type Query, textOf } from "../http/query.ts";
import { whyNotSupported } from "./unsupported.ts";

function changesOf({ changes }: Query): readonly string[] {
  if (changes === undefined) return [];
  return typeof changes === "string" ? [changes] : changes;
}

/** POST /images/create, as far as it is an import: the body is a tar of a root filesystem. */
export function registerImport(app: FastifyInstance, engine: Engine): void {
  void app.register(async (scope) => {
    // Docker's client does not say what it sends.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    scope.post("/images/create", async (request, reply) => {
      const query = queryOf(request);
      const source = textOf(query, "fromSrc");
      if (source === undefined)
        throw new NotSupportedError(
          whyNotSupported("POST", "/images/create") ?? "mdocker does not pull images",
        );
      if (source !== "-")
        throw new NotSupportedError("mdocker imports what is sent, not from a URL: use `docker import -`");
      const repo = textOf(query, "repo");
      if (repo === undefined)
        throw new UsageError("repo: missing: an image of mdocker must have a name: docker import FILE NAME");
      const tag = textOf(query, "tag");
      const name = tag === undefined ? repo : `${repo}:${tag}`;
      const { id } = await importImage(engine.instance, name, request.body as AsyncIterable<Uint8Array>, {
        changes: changesOf(query),
        message: textOf(query, "message"),
      });
      engine.events.emit({ type: "image", action: "import", actor: { id, attributes: { name } } });
      return reply.type("application/json").send(`${JSON.stringify({ status: id })}\n`);
    });
  });
  // `docker system prune` asks for it, too. Nothing is built here, so there is nothing to remove.
  app.post("/build/prune", () => ({ CachesDeleted: null, SpaceReclaimed: 0 }));
}
