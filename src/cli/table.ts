// Rows of text in columns.

/** The first column to the left, the others to the right: names, then numbers. */
export function textTable(rows: readonly (readonly string[])[], { indent = 0 }: { indent?: number } = {}): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, k) => Math.max(most[k] ?? 0, cell.length)), []);
  return rows
    .map((row) => {
      const cells = row.map((cell, k) => (k === 0 ? cell.padEnd(widths[k] ?? 0) : cell.padStart(widths[k] ?? 0)));
      return (' '.repeat(indent) + cells.join('  ')).trimEnd();
    })
    .join('\n');
}
