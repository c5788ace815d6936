import type { FastifyInstance } from "fastify";
import type { Engine } from "../engine.ts";
import { NotSupportedError } from "../http/errors.ts";
import { describeSystem } from "../system/info.ts";
import { describeVersion } from "../system/version.ts";

const credentials = {
  type: "object",
  properties: { username: { type: "string" }, serveraddress: { type: "string" } },
};

/** /version, /info, /auth. */
export function registerSystem(app: FastifyInstance, engine: Engine, remapped: boolean): void {
  app.get("/version", async () => describeVersion());
  app.get("/info", async () => describeSystem(engine, remapped));
  app.post("/auth", { schema: { body: credentials } }, async () => {
    throw new NotSupportedError("mdocker does not log in to registries: it does not pull or push images");
  });
}
