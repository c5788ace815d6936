import { SyscallError, type SyscallFailure } from "../core/errors.ts";
import { errnoName } from "./errno.ts";
import type { NativeFunction } from "./native.ts";
import { lastErrno, libc } from "./native.ts";

const EINTR = 4;
const functions = new Map<string, NativeFunction>();

/** A C library function by its prototype, looked up once. */
export function cFunction(prototype: string): NativeFunction {
  let found = functions.get(prototype);
  if (found === undefined) {
    found = libc().func(prototype);
    functions.set(prototype, found);
  }
  return found;
}

/**
 * Calls `prototype` with `args`; a result of -1 becomes a {@link SyscallError} with errno read at once. EINTR is tried
 * again. Returns the result.
 */
export function call(
  prototype: string,
  args: readonly unknown[],
  failure: Omit<SyscallFailure, "errno">,
): number {
  const callee = cFunction(prototype);
  for (;;) {
    const result = Number(callee(...args));
    if (result !== -1) return result;
    const errno = lastErrno();
    if (errno !== EINTR) throw new SyscallError({ ...failure, errno: errnoName(errno) });
  }
}
