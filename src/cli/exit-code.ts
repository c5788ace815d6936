import type { Readable } from "node:stream";
import { SetupError } from "../core/errors.ts";
import type { SupervisorClient } from "./client.ts";

/**
 * Begins to wait for the end of a container: resolves when the supervisor has begun too, to a function that waits for the
 * exit code.
 */
export async function beginWait(
  client: SupervisorClient,
  id: string,
  condition: "not-running" | "next-exit" | "removed",
  signal?: AbortSignal,
): Promise<() => Promise<number>> {
  const answer: Readable = await client.stream("POST", `/containers/${id}/wait`, {
    query: { condition },
    signal,
  });
  let text = "";
  const whole = (async () => {
    for await (const part of answer) text += String(part);
  })();
  // Whoever asks for the code hears of it.
  whole.catch(() => undefined);
  return async () => {
    await whole;
    const { StatusCode: code, Error: failure } = JSON.parse(text) as {
      readonly StatusCode: number;
      readonly Error?: { readonly Message: string };
    };
    if (code < 0) throw new SetupError(failure?.Message ?? "the supervisor does not know how it ended");
    return code;
  };
}
