import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { versionText } from "../../core/version-text.ts";
import type { Engine } from "../engine.ts";
import { Execs } from "../execs.ts";
import { registerArchive } from "../routes/archive.ts";
import { registerAttach } from "../routes/attach.ts";
import { registerContainers } from "../routes/containers.ts";
import { registerEvents } from "../routes/events.ts";
import { registerExec } from "../routes/exec.ts";
import { registerImages } from "../routes/images.ts";
import { registerImport } from "../routes/import.ts";
import { registerLifecycle } from "../routes/lifecycle.ts";
import { registerLogs } from "../routes/logs.ts";
import { registerNetworks } from "../routes/networks.ts";
import { registerOwn } from "../routes/own.ts";
import { registerPing } from "../routes/ping.ts";
import { registerProcesses } from "../routes/processes.ts";
import { registerPrune } from "../routes/prune.ts";
import { registerStats } from "../routes/stats.ts";
import { registerSystem } from "../routes/system.ts";
import { whyNotSupported } from "../routes/unsupported.ts";
import { registerUsage } from "../routes/usage.ts";
import { registerVolumes } from "../routes/volumes.ts";
import { registerWait } from "../routes/wait.ts";
import type { Translators } from "../translate/translators.ts";
import { acceptBodies } from "./bodies.ts";
import { clientMessage, NotSupportedError, statusOf } from "./errors.ts";
import { checkVersion, newestApi, withoutVersion } from "./version.ts";

/** The largest JSON body that is read, in bytes. Archives are streams, and have no such limit. */
const bodyLimit = 4 * 1024 * 1024;

/** Names of images and paths stand in URLs. */
const maxParamLength = 4096;

function answerError(error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const status = statusOf(error);
  reply.code(status);
  if (status === 304) void reply.send();
  else void reply.send({ message: clientMessage(error) });
}

/** The Docker Engine API over `engine`, with everything registered and ready to take requests by its `routing`. */
export async function createApp(engine: Engine, translators: Translators): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength },
    rewriteUrl: withoutVersion,
    frameworkErrors: answerError,
    // What docker's clients send is wider than any schema: unknown fields stay, and nothing is turned into another type.
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allowUnionTypes: true,
      },
    },
  });
  const server = `mdocker/${versionText()} (linux)`;
  app.addHook("onRequest", (request, reply, done) => {
    void reply.headers({
      "api-version": `1.${newestApi}`,
      "docker-experimental": "false",
      ostype: "linux",
      server,
    });
    checkVersion(request.raw);
    done();
  });
  // docker's client takes an error apart only if its type is this and no more.
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (reply.getHeader("content-type") === "application/json; charset=utf-8")
      void reply.header("content-type", "application/json");
    done(null, payload);
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) => {
    const why = whyNotSupported(request.method, request.url);
    if (why !== undefined) throw new NotSupportedError(why);
    void reply.code(404).send({ message: "page not found" });
  });
  acceptBodies(app);
  const execs = new Execs(engine);
  registerPing(app);
  registerSystem(app, engine, translators.users !== undefined);
  registerContainers(app, engine, execs, translators);
  registerEvents(app, engine);
  registerVolumes(app, engine);
  registerUsage(app, engine);
  registerNetworks(app, engine, translators);
  registerImages(app, engine);
  registerImport(app, engine);
  registerArchive(app, engine);
  registerExec(app, execs);
  registerLogs(app, engine);
  registerProcesses(app, engine);
  registerPrune(app, engine);
  registerOwn(app, engine);
  registerWait(app, engine);
  registerStats(app, engine);
  registerLifecycle(app, engine);
  registerAttach(app, engine);
  await app.ready();
  return app;
}
