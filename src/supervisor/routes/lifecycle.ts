import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ConflictError, ExitCode, MdockerError, UsageError } from "../../core/errors.ts";
import { parseSignal } from "../../core/signal.ts";
import type { Engine, StopOptions } from "../engine.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { flagOf, integerOf, type Query, textOf } from "../http/query.ts";
import { sizeOf } from "../http/size.ts";

const SIGKILL = 9;

/**
 * A command that cannot be executed, in the words by which docker's client finds its exit code: 127 for a command that is
 * not there, 126 for one that is no program. Undefined for any other error.
 */
function commandError(error: unknown): UsageError | undefined {
  if (!(error instanceof MdockerError)) return undefined;
  const words: Readonly<Record<number, string>> = {
    [ExitCode.notFound]: "no such file or directory",
    [ExitCode.notExecutable]: "permission denied",
  };
  const said = words[error.exitCode];
  return said === undefined ? undefined : new UsageError(`${error.message}: ${said}`, { cause: error });
}

function signalOf(query: Query): number | undefined {
  const signal = textOf(query, "signal");
  return signal === undefined ? undefined : parseSignal(signal, "signal");
}

function stopOptions(query: Query): StopOptions {
  return { signal: signalOf(query), timeout: integerOf(query, "t") };
}

/** @throws ConflictError, in docker's words, unless the container runs */
function requireRunning(engine: Engine, reference: string, doing: string): void {
  const { id, state } = engine.find(reference);
  if (state !== "running" && state !== "paused")
    throw new ConflictError(`${doing}: ${reference}: Container ${id} is not running`);
}

/** What changes the state of one container: start, stop, restart, kill, pause, unpause, rename, resize, remove. */
export function registerLifecycle(app: FastifyInstance, engine: Engine): void {
  const verb = (name: string, act: (reference: string, query: Query) => Promise<void>): void => {
    app.post(`/containers/:id/${name}`, async (request: FastifyRequest, reply: FastifyReply) => {
      await act(referenceOf(request), queryOf(request));
      return reply.code(204).send();
    });
  };
  verb("start", async (reference) => {
    if (engine.find(reference).state === "paused")
      throw new ConflictError("cannot start a paused container, try unpause instead");
    try {
      await engine.start(reference);
    } catch (error) {
      throw commandError(error) ?? error;
    }
  });
  verb("stop", (reference, query) => engine.stop(reference, stopOptions(query)));
  verb("restart", (reference, query) => engine.restart(reference, stopOptions(query)));
  verb("kill", async (reference, query) => {
    requireRunning(engine, reference, "cannot kill container");
    await engine.kill(reference, signalOf(query) ?? SIGKILL);
  });
  verb("pause", (reference) => engine.pause(reference));
  verb("unpause", (reference) => engine.unpause(reference));
  verb("rename", async (reference, query) => {
    const name = textOf(query, "name")?.replace(/^\//, "");
    if (name === undefined) throw new UsageError("name: missing: a container must have one");
    await engine.rename(reference, name);
  });
  app.post("/containers/:id/resize", async (request, reply) => {
    const reference = referenceOf(request);
    const { rows, columns } = sizeOf(queryOf(request));
    requireRunning(engine, reference, "cannot resize container");
    engine.resize(reference, rows, columns);
    return reply.code(200).send();
  });
  app.delete("/containers/:id", async (request, reply) => {
    const query = queryOf(request);
    if (flagOf(query, "link"))
      throw new UsageError("link: containers have no links here: connect them by a network");
    await engine.remove(referenceOf(request), { force: flagOf(query, "force"), volumes: flagOf(query, "v") });
    return reply.code(204).send();
  });
}
