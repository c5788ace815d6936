import { UsageError } from "../../core/errors.ts";
import { integerOf, type Query } from "./query.ts";

/** The size of a terminal, in rows and columns. @throws UsageError */
export function sizeOf(query: Query): { readonly rows: number; readonly columns: number } {
  const [rows, columns] = [integerOf(query, "h"), integerOf(query, "w")];
  for (const [name, value] of [
    ["h", rows],
    ["w", columns],
  ] as const) {
    if (value === undefined || value < 0 || value > 65_535)
      throw new UsageError(
        `${name}: ${value ?? "missing"}: expected the size of a terminal, from 0 to 65535`,
      );
  }
  return { rows: rows ?? 0, columns: columns ?? 0 };
}
