// Which known names a mistyped one may have meant.

/** Edits (insert, delete or replace one character, swap two neighbours) that turn one string into the other. */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped =
        from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1] ? (before[j - 2] ?? Infinity) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, row[j] + 1, next[j - 1] + 1));
    }
    before = row;
    row = next;
  }
  return row[to.length];
}

/**
 * From each group of names for one thing the name nearest to `name`, the nearest `count` of these.
 * Dots, dashes, slashes, spaces and underscores do not count.
 */
export function nearestNames(name: string, groups: readonly (readonly string[])[], count = 5): readonly string[] {
  // A name from elsewhere can be of any length, and the table of edits is as wide as it.
  const bare = (text: string): string =>
    text
      .toLowerCase()
      .replace(/[-_./\s]/g, '')
      .slice(0, 64);
  const wanted = bare(name);
  const rate = (known: string): { known: string; distance: number } => {
    const candidate = bare(known);
    const contained = wanted !== '' && (candidate.includes(wanted) || wanted.includes(candidate));
    return { known, distance: editDistance(wanted, candidate) - (contained ? wanted.length / 2 : 0) };
  };
  const byDistance = (a: { distance: number }, b: { distance: number }): number => a.distance - b.distance;
  return groups
    .flatMap((names) => names.map(rate).sort(byDistance).slice(0, 1))
    .sort(byDistance)
    .slice(0, count)
    .map(({ known }) => known);
}
