import { UsageError } from "../core/errors.ts";

const action = /\{\{-?\s*(.*?)\s*-?\}\}/gs;
const reference = /^(json\s+)?\.((?:[A-Za-z_][\w-]*|\d+)(?:\.(?:[A-Za-z_][\w-]*|\d+))*)?$/;

/** One field of a value: by its name, else by its name in any other case. */
function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const record = value as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(record, name)) return record[name];
  const key = Object.keys(record).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : record[key];
}

/**
 * The part of Go's templates that --format is used for: `{{.Field.Field}}` and `{{json .Field}}`, with `\t` and `\n`.
 * Field names match in any case. @throws UsageError for anything else, and for a field that is not there.
 */
export function renderTemplate(template: string, value: unknown): string {
  const text = template.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  return text.replaceAll(action, (whole, inside: string) => {
    const match = reference.exec(inside);
    if (match === null) {
      throw new UsageError(`--format: ${whole}: expected {{.Field}}, {{.Field.Field}} or {{json .Field}}`);
    }
    const [, asJson, path] = match;
    let found: unknown = value;
    for (const name of path?.split(".") ?? []) {
      const next = fieldOf(found, name);
      if (next === undefined) {
        const known = typeof found === "object" && found !== null ? Object.keys(found) : [];
        const fields = known.length === 0 ? "it has no fields" : `its fields are ${known.join(", ")}`;
        throw new UsageError(`--format: ${whole}: no field ${name}; ${fields}`);
      }
      found = next;
    }
    if (asJson !== undefined || (typeof found === "object" && found !== null)) return JSON.stringify(found);
    return String(found);
  });
}
