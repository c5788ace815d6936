import { renderTable } from "./table.ts";
import { renderTemplate } from "./template.ts";

/** How a list is shown when nothing else is asked for, and what its fields are called above a column. */
export interface RowStyle {
  /** Fields of the usual table. */
  readonly columns: readonly string[];
  /** Field by field: `ID` is `CONTAINER ID`. */
  readonly headings: Readonly<Record<string, unknown>>;
}

/**
 * A list as docker's --format has it: `table` (or nothing), `table TEMPLATE` with the fields' names above the columns,
 * `json` for a document a line, or a template for each. @throws UsageError
 */
export function renderRows(rows: readonly object[], format: string | undefined, style: RowStyle): string {
  if (format === "json") return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const [, template] = /^table(?:\s+(.*))?$/s.exec(format ?? "table") ?? [];
  if (format !== undefined && !/^table(\s|$)/.test(format)) {
    return rows.map((row) => `${renderTemplate(format, row)}\n`).join("");
  }
  const asked = template ?? style.columns.map((name) => `{{.${name}}}`).join("\t");
  const cells = (value: object): string[] => renderTemplate(asked, value).split("\t");
  return renderTable(cells(style.headings), rows.map(cells));
}
