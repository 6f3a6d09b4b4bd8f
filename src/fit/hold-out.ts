// Which images a share holds out. Apart from the fit, so that a page can show them before it.

/** Places in a list of `count` images, evenly spread: at least one and at most all but one, none where the share is 0. */
export function heldOutPlaces(count: number, share: number): ReadonlySet<number> {
  const out = share > 0 ? Math.min(Math.max(Math.round(share * count), 1), count - 1) : 0;
  // The middle one of each of so many equal parts of the list.
  return new Set(Array.from({ length: out }, (_, part) => Math.floor(((part + 0.5) * count) / out)));
}
