import { messageOf, SetupError } from "../core/errors.ts";
import { enterNamespaces } from "../rootless/enter.ts";
import { say } from "./output.ts";
import type { NeedsRootError } from "./privilege.ts";
import { commandWord } from "./program.ts";

/** Commands that do the same for everybody, and those that look at the host from outside. */
const unprivileged: ReadonlySet<string> = new Set(["version", "completion", "man", "doctor", "seccomp"]);

/** False where nothing would be gained by being root of namespaces of one's own. */
function gains(words: readonly string[]): boolean {
  const word = commandWord(words);
  return (
    word !== undefined &&
    !unprivileged.has(word) &&
    !["--help", "--explain"].some((flag) => words.includes(flag))
  );
}

/**
 * An ordinary user's command line, before it is looked at: it is begun anew in the user's own namespaces, as root. Where
 * that cannot be it goes on as it is; {@link enterInstead} tells why, should it turn out to need them.
 */
export function enterEarly(words: readonly string[]): void {
  if (!gains(words)) return;
  try {
    enterNamespaces(words, process.env, say);
  } catch {
    // Told by enterInstead.
  }
}

/** Begins a command line anew in the user's own namespaces. @throws SetupError with why that cannot be */
export function enterInstead(words: readonly string[], refused: NeedsRootError): never {
  try {
    return enterNamespaces(words, process.env, say);
  } catch (error) {
    throw new SetupError(`${refused.message}; ${messageOf(error)}`, { cause: error });
  }
}
