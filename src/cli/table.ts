/** How wide a terminal shows it: colours take no room. */
export function widthOf(cell: string): number {
  return cell.includes("\x1b") ? cell.replaceAll(/\x1b\[[0-9;]*m/g, "").length : cell.length;
}

/** Rows under headings, columns as wide as their longest cell, three blanks apart, as docker prints them. */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ""))));
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          column === row.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) + 3 - widthOf(cell)),
        )
        .join(""),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
