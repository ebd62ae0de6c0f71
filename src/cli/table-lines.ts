/** Tables for people. */
const GAP = 3;

/** Columns as wide as they must be, as `kubectl get` writes them. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries())
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd((widths[index] ?? 0) + GAP))
      .join('')
      .trimEnd(),
  );
}

/**
 * What objects and clients say must not reach the terminal as it is: control characters would move
 * its cursor, or more (CVE-2021-25743).
 */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}

/** Printable, and without line breaks. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s+/g, ' '));
}
