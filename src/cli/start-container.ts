import { findContainer } from "../container/refresh.ts";
import { ConflictError, ExitCode, MdockerError, NotFoundError, NotModifiedError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import type { SupervisorClient } from "./client.ts";

/** What the record says of a start that failed, as far as a shell has a code for it: 126 or 127. */
function failedExec(instance: Instance, id: string): number | undefined {
  try {
    const code = findContainer(instance, id).exit?.code;
    return code === ExitCode.notFound || code === ExitCode.notExecutable ? code : undefined;
  } catch (error) {
    // It was to be removed with its end.
    if (error instanceof MdockerError) return undefined;
    throw error;
  }
}

/** Starts a container through the supervisor. @throws MdockerError with the exit code that a foreground run would have. */
export async function startOf(instance: Instance, client: SupervisorClient, id: string): Promise<void> {
  try {
    await client.request("POST", `/containers/${id}/start`);
  } catch (error) {
    if (!(error instanceof MdockerError)) throw error;
    // These say what it is, or is not: it was not even tried.
    const untried = [NotFoundError, ConflictError, NotModifiedError].some((kind) => error instanceof kind);
    const code = untried ? undefined : failedExec(instance, id);
    if (code === undefined) throw error;
    throw new MdockerError(error.message, code, { cause: error });
  }
}
