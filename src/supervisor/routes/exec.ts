import type { FastifyInstance } from "fastify";
import { defaultDetachKeys, parseDetachKeys } from "../../core/detach-keys.ts";
import { messageOf, UsageError } from "../../core/errors.ts";
import type { Execs } from "../execs.ts";
import { watchKeys } from "../http/detach.ts";
import { frame } from "../http/frames.ts";
import { hijack } from "../http/hijack.ts";
import { queryOf, referenceOf } from "../http/params.ts";
import { relay } from "../http/relay.ts";
import { sizeOf } from "../http/size.ts";

const text = { type: ["string", "null"] };
const texts = { type: ["array", "null"], items: { type: "string" } };
const flag = { type: ["boolean", "null"] };

const createSchema = {
  type: "object",
  properties: {
    ...{ AttachStdin: flag, AttachStdout: flag, AttachStderr: flag, Tty: flag, Privileged: flag },
    ...{ Cmd: texts, Env: texts, User: text, WorkingDir: text, DetachKeys: text },
  },
};

interface CreateBody {
  readonly AttachStdin?: boolean | null;
  readonly AttachStdout?: boolean | null;
  readonly AttachStderr?: boolean | null;
  readonly Tty?: boolean | null;
  readonly Privileged?: boolean | null;
  readonly Cmd?: readonly string[] | null;
  readonly Env?: readonly string[] | null;
  readonly User?: string | null;
  readonly WorkingDir?: string | null;
  readonly DetachKeys?: string | null;
}

const startSchema = {
  type: ["object", "null"],
  properties: {
    Detach: flag,
    Tty: flag,
    ConsoleSize: { type: ["array", "null"], items: { type: "integer", minimum: 0, maximum: 65_535 } },
  },
};

interface StartBody {
  readonly Detach?: boolean | null;
  readonly ConsoleSize?: readonly number[] | null;
}

function orNothing(value: string | null | undefined): string | undefined {
  return value === null || value === "" ? undefined : value;
}

/** POST /containers/ID/exec, and what is done with an exec by its id. */
export function registerExec(app: FastifyInstance, execs: Execs): void {
  app.post("/containers/:id/exec", { schema: { body: createSchema } }, async (request, reply) => {
    const body = request.body as CreateBody;
    const args = body.Cmd ?? [];
    if (args.length === 0) throw new UsageError("No exec command specified");
    const cwd = orNothing(body.WorkingDir);
    if (cwd !== undefined && !cwd.startsWith("/"))
      throw new UsageError(`WorkingDir: ${JSON.stringify(cwd)}: expected an absolute path in the container`);
    const keys = orNothing(body.DetachKeys);
    if (keys !== undefined) parseDetachKeys(keys);
    const id = execs.create(referenceOf(request), {
      request: {
        args,
        env: body.Env ?? [],
        cwd,
        user: orNothing(body.User),
        terminal: body.Tty === true,
        privileged: body.Privileged === true,
      },
      stdin: body.AttachStdin === true,
      stdout: body.AttachStdout === true,
      stderr: body.AttachStderr === true,
      detachKeys: keys,
    });
    return reply.code(201).send({ Id: id });
  });

  app.post("/exec/:id/start", { schema: { body: startSchema } }, async (request, reply) => {
    const { Detach, ConsoleSize } = (request.body ?? {}) as StartBody;
    const { id, wish } = execs.checkStart(referenceOf(request));
    const [rows, columns] = ConsoleSize ?? [];
    const size = rows === undefined || columns === undefined ? undefined : { rows, columns };
    if (Detach === true) {
      const { stdout, stderr } = await execs.start(id, size);
      for (const output of [stdout, stderr]) output.resume();
      return reply.code(200).send();
    }
    const { terminal } = wish.request;
    const connection = hijack(request, reply, terminal);
    try {
      const run = await execs.start(id, size);
      const keys = parseDetachKeys(wish.detachKeys ?? defaultDetachKeys);
      const stdin =
        terminal && run.stdin !== undefined
          ? watchKeys(run.stdin, keys, () => connection.end(() => connection.destroy()))
          : run.stdin;
      // It runs on without its client, and must not wait for it.
      const { stdout, stderr, exit } = run;
      relay(connection, { terminal, stdout, stderr, stdin, over: exit }, wish, () => {
        stdout.resume();
        stderr.resume();
      });
    } catch (error) {
      const line = `${messageOf(error)}\r\n`;
      connection.resume();
      connection.end(terminal ? line : frame("stderr", Buffer.from(line)), () => connection.destroy());
    }
    return reply;
  });

  app.post("/exec/:id/resize", async (request, reply) => {
    const { rows, columns } = sizeOf(queryOf(request));
    execs.find(referenceOf(request)).run?.resize(rows, columns);
    return reply.code(200).send();
  });

  app.get("/exec/:id/json", async (request) => {
    const { id, container, wish, pid, exitCode } = execs.find(referenceOf(request));
    const { args, terminal, privileged, user } = wish.request;
    return {
      ID: id,
      Running: pid > 0,
      ExitCode: exitCode ?? null,
      ProcessConfig: {
        tty: terminal,
        entrypoint: args[0],
        arguments: args.slice(1),
        privileged,
        user: user ?? "",
      },
      OpenStdin: wish.stdin,
      OpenStdout: wish.stdout,
      OpenStderr: wish.stderr,
      CanRemove: false,
      ContainerID: container,
      DetachKeys: wish.detachKeys ?? "",
      Pid: pid,
    };
  });
}
