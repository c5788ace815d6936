import { cFunction } from "./call.ts";
import { isLoaded } from "./native.ts";

/**
 * Ends this process at once. Node takes 2 ms to take its engine apart, for nothing: the kernel does it too. Only where
 * native code is loaded anyway, and nobody listens for the end.
 */
export function exitNow(code: number): never {
  if (isLoaded() && process.listenerCount("exit") === 0) cFunction("void _exit(int status)")(code);
  process.exit(code);
}
