import type { RunRequest } from "../container/request.ts";
import type { Instance } from "../core/paths.ts";
import { connectSupervisor } from "./client.ts";
import { createBy } from "./detached.ts";
import type { Attaching } from "./options/attaching.ts";
import { startAttached } from "./start-attached.ts";

/** A run that can be left: the supervisor keeps the container, which goes with its end unless it is to stay. */
export async function runAttached(
  instance: Instance,
  request: RunRequest,
  attaching: Attaching,
): Promise<number> {
  const { streams, sigProxy, detachKeys } = attaching;
  const has = (name: "stdin" | "stdout" | "stderr"): boolean =>
    streams === undefined || streams.includes(name);
  const interactive = request.interactive || streams?.includes("stdin") === true;
  const client = await connectSupervisor(instance);
  const id = await createBy(client, {
    ...request,
    interactive,
    detached: true,
    stdinOnce: interactive,
    autoRemove: request.keep ? undefined : true,
    keep: true,
  });
  return startAttached(instance, client, id, {
    terminal: request.terminal,
    stdin: interactive && has("stdin"),
    stdout: has("stdout"),
    stderr: has("stderr"),
    signals: sigProxy,
    detachKeys,
  });
}
