/** Rows under headings, columns as wide as their longest cell, three blanks apart, as docker prints them. */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3)))
        .join(""),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
