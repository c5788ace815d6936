import { SetupError } from "../core/errors.ts";

/** A command cannot do with an ordinary user's rights what it is asked to. */
export class NeedsRootError extends SetupError {
  /** As the user would type it: `run ...`. */
  readonly command: string;
  constructor(command: string) {
    super(`${command.split(" ")[0]} needs root: try sudo mdocker ${command}`);
    this.command = command;
  }
}

/**
 * @throws NeedsRootError when we are not root: then the command line goes into the user's own namespaces, where we are
 * (src/cli/own-namespaces.ts).
 */
export function requireRoot(command: string): void {
  if (process.geteuid?.() !== 0) throw new NeedsRootError(command);
}
