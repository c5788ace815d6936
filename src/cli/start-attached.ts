import { findContainer } from "../container/refresh.ts";
import { NotFoundError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { type AttachOptions, AttachSession, runsOn } from "./attach-session.ts";
import type { SupervisorClient } from "./client.ts";
import { beginWait } from "./exit-code.ts";
import { say } from "./output.ts";
import { startOf } from "./start-container.ts";

/**
 * Starts a container with a user connected to it from its first byte on. Returns its exit code; 0 when the user has left
 * it. @throws MdockerError when it cannot be started
 */
export async function startAttached(
  instance: Instance,
  client: SupervisorClient,
  id: string,
  options: AttachOptions,
): Promise<number> {
  const session = await AttachSession.open(client, id, options);
  const gone = new AbortController();
  try {
    const exitCode = await beginWait(client, id, "next-exit", gone.signal);
    await startOf(instance, client, id);
    const pid1 = pid1Of(instance, id);
    await session.relay({ redraw: false });
    if (!runsOn(instance, id, pid1)) return await exitCode();
    say("detached: the container runs on");
    return 0;
  } finally {
    session.close();
    gone.abort();
  }
}

/** One that is removed with its end may be gone already. */
function pid1Of(instance: Instance, id: string): number | undefined {
  try {
    return findContainer(instance, id).init?.pid;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
