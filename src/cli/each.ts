import { MdockerError, messageOf } from "../core/errors.ts";
import { print, say } from "./output.ts";

/** Says what went wrong with one of several; the others still have their turn. */
function report(error: unknown): void {
  if (!(error instanceof MdockerError)) throw error;
  say(messageOf(error));
  process.exitCode = error.exitCode;
}

/**
 * Does `act` for each reference and prints it, or the line that `act` answers with, when it worked; a failure is said,
 * and does not keep the others from their turn. The exit code is that of the last failure.
 */
export async function forEach(
  references: readonly string[],
  act: (reference: string) => unknown,
): Promise<void> {
  for (const reference of references) {
    try {
      const line = await act(reference);
      print(`${typeof line === "string" ? line : reference}\n`);
    } catch (error) {
      report(error);
    }
  }
}

/** The same for what takes its time: all at once, told in the order given. */
export async function forAll(
  references: readonly string[],
  act: (reference: string) => Promise<unknown>,
): Promise<void> {
  const results = references.map(act);
  for (const result of results) result.catch(() => undefined);
  await forEach([...references.keys()].map(String), async (at) => {
    const line = await results[Number(at)];
    return line ?? references[Number(at)];
  });
}
