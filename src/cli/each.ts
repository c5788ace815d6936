import { MdockerError, messageOf } from "../core/errors.ts";
import { print, say } from "./output.ts";

/**
 * Does `act` for each reference and prints it when it worked; a failure is said, and does not keep the others from
 * their turn. The exit code is that of the last failure.
 */
export async function forEach(
  references: readonly string[],
  act: (reference: string) => void | Promise<void>,
): Promise<void> {
  for (const reference of references) {
    try {
      await act(reference);
      print(`${reference}\n`);
    } catch (error) {
      if (!(error instanceof MdockerError)) throw error;
      say(messageOf(error));
      process.exitCode = error.exitCode;
    }
  }
}
