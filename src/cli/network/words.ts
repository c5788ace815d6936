import { UsageError } from "../../core/errors.ts";

/** Collects the values of an option that may be given several times. */
export function append(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** `KEY=VALUE` words as a record. @throws UsageError for one without a key. */
export function pairs(words: readonly string[] | undefined, flag: string): Record<string, string> {
  return Object.fromEntries(
    (words ?? []).map((word) => {
      const [key = "", value = ""] = word.split(/=(.*)/s);
      if (key === "") throw new UsageError(`${flag}: ${word}: expected KEY=VALUE`);
      return [key, value];
    }),
  );
}
