import { UsageError } from "../../core/errors.ts";
import { nearest } from "../../core/nearest.ts";

/** @throws UsageError: `run.yaml:3: unknown key "memmory": did you mean memory? (allowed: ...)` */
export function refuseKey(at: string, key: string, allowed: Iterable<string>): never {
  const names = [...allowed];
  const near = nearest(key, names);
  const hint = near === undefined ? "expected one of" : `did you mean ${near}? allowed:`;
  throw new UsageError(`${at}: unknown key ${JSON.stringify(key)}: ${hint} ${names.join(", ")}`);
}
