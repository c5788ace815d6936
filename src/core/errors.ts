/** Process exit codes of mdocker itself; any other code is the container command's own. */
export const ExitCode = {
  usage: 1,
  setup: 2,
  notExecutable: 126,
  notFound: 127,
} as const;

/** Base of every error mdocker reports: one clear line, and the exit code it ends with. */
export class MdockerError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number = ExitCode.setup, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.exitCode = exitCode;
  }
}

/** What the user asked for cannot be understood or is contradictory: exit code 1. */
export class UsageError extends MdockerError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, ExitCode.usage, options);
  }
}

/** What the user names does not exist. */
export class NotFoundError extends UsageError {}

/** What the user asked for collides with what there is: a name in use, a container that runs. */
export class ConflictError extends UsageError {}

/** What the user asked for is so already. */
export class NotModifiedError extends UsageError {}

/** What the user asked for could not be set up on this host: exit code 2. */
export class SetupError extends MdockerError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, ExitCode.setup, options);
  }
}

/** The facts of a failed kernel call; `call` as in the man pages, `errno` by name. */
export interface SyscallFailure {
  readonly call: string;
  readonly errno: string;
  readonly subject?: string | undefined;
  readonly hint?: string | undefined;
}

/** A kernel call failed: `call subject: ERRNO (hint)`. */
export class SyscallError extends SetupError {
  readonly call: string;
  readonly errno: string;
  constructor(failure: SyscallFailure, options?: ErrorOptions) {
    const subject = failure.subject === undefined ? "" : ` ${failure.subject}`;
    const hint = failure.hint === undefined ? "" : ` (${failure.hint})`;
    super(`${failure.call}${subject}: ${failure.errno}${hint}`, options);
    this.call = failure.call;
    this.errno = failure.errno;
  }
}

/** True when `error` carries this errno, from Node's own file calls or from a {@link SyscallError}. */
export function hasErrno(error: unknown, ...names: string[]): boolean {
  if (error instanceof SyscallError) return names.includes(error.errno);
  if (error instanceof Error && "code" in error) return names.includes(String(error.code));
  return false;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
