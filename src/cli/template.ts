import { executeTemplate } from "./template/execute.ts";
import { parseTemplate } from "./template/parse.ts";

/**
 * A value by a template of --format: Go's text/template with docker's functions, as far as values of JSON go. Field names
 * match in any case, `.list.0` is an item, and a field that holds a function takes arguments: `{{.Label "x"}}`.
 * @throws UsageError for what cannot be parsed, and for a field that is not there.
 */
export function renderTemplate(template: string, value: unknown): string {
  return executeTemplate(parseTemplate(template), value);
}
