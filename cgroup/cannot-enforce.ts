import { SetupError } from "../src/core/errors.ts";

/** A limit was asked for that this host cannot enforce; a limit is never dropped in silence. */
export class CannotEnforceError extends SetupError {
  /** The option that asked for it: `--memory-swap`. */
  readonly limit: string;
  constructor(limit: string, why: string, options?: ErrorOptions) {
    super(`cannot enforce ${limit}: ${why}`, options);
    this.limit = limit;
  }
}
