import type { ExecRequest } from "../container/exec-request.ts";
import type { ContainerRecord } from "../container/record.ts";
import type { Instance } from "../core/paths.ts";
import { AttachSession } from "./attach-session.ts";
import { connectSupervisor } from "./client.ts";
import { say } from "./output.ts";

/**
 * Runs one more command in a running container on a terminal that the user can leave: the supervisor keeps the command.
 * Returns its exit code; 0 when the user has left it.
 * @throws MdockerError when it cannot be started
 */
export async function runLeavableExec(
  instance: Instance,
  { id: container }: ContainerRecord,
  { args, env, cwd, user, terminal, privileged }: ExecRequest,
  { interactive, detachKeys }: { readonly interactive: boolean; readonly detachKeys: string },
): Promise<number> {
  const client = await connectSupervisor(instance);
  const body = {
    Cmd: args,
    Env: env,
    WorkingDir: cwd ?? null,
    User: user ?? null,
    Tty: terminal,
    Privileged: privileged,
    AttachStdin: interactive,
    AttachStdout: true,
    AttachStderr: true,
    DetachKeys: detachKeys,
  };
  const made = await client.request("POST", `/containers/${container}/exec`, { body });
  const { Id: id } = made.json as { readonly Id: string };
  const session = await AttachSession.startExec(client, id, { terminal, stdin: interactive, detachKeys });
  await session.relay({ redraw: false });
  const { json } = await client.request("GET", `/exec/${id}/json`);
  const { Running, ExitCode } = json as { readonly Running: boolean; readonly ExitCode: number | null };
  if (!Running) return ExitCode ?? 0;
  say("detached: the command runs on");
  return 0;
}
