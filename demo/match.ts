// Which files belong together: numbered files of one shape are a sequence, and a reference image belongs to the latents
// whose name it shares. Pure functions over names and shapes.

/** `astronaut.sd1.npy` → `astronaut.sd1`. */
export const stem = (name: string): string => name.replace(/\.[^.]+$/, '').toLowerCase();

const natural = new Intl.Collator('en', { numeric: true });

/** What the names of one sequence have in common. */
export const pattern = (name: string): string => name.replace(/\d+/g, '#');

/** Groups what `shapeOf` gives alike and whose names differ in digits alone; each group in natural order of its names. */
export function groupSequences<T extends { readonly name: string }>(
  files: readonly T[],
  shapeOf: (file: T) => string,
): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const file of files) {
    const key = `${pattern(file.name)} ${shapeOf(file)}`;
    const group = groups.get(key);
    // The same name twice is not a step more.
    if (group?.every(({ name }) => name !== file.name)) group.push(file);
    else groups.set(group ? `${key} ${groups.size}` : key, [file]);
  }
  return [...groups.values()].map((group) => group.sort((a, b) => natural.compare(a.name, b.name)));
}

/**
 * How long a base two names share, 0 for none: equal stems, one stem the other's beginning up to a separator, or equal
 * up to the first dot.
 */
export function commonBase(latents: string, image: string): number {
  const [a, b] = [stem(latents), stem(image)];
  if (a === b) return Number.POSITIVE_INFINITY;
  const [long, short] = a.length > b.length ? [a, b] : [b, a];
  if (short !== '' && long.startsWith(short) && /^[._\-\s]/.test(long.slice(short.length))) return short.length;
  const [head] = a.split('.');
  return head && head === b.split('.')[0] ? head.length : 0;
}

/**
 * For each name of latents the index of its image: the one with the longest common base, else what is left in order.
 * An image may serve several latents by name, but one alone by order.
 * @param byName nothing goes by order, unless there is one of each and no doubt
 */
export function matchReferences(
  latents: readonly string[],
  images: readonly string[],
  byName = false,
): (number | undefined)[] {
  const found = latents.map((name) => {
    const bases = images.map((image) => commonBase(name, image));
    const best = Math.max(0, ...bases);
    return best > 0 ? bases.indexOf(best) : undefined;
  });
  const left = images.map((_, index) => index).filter((index) => !found.includes(index));
  if (byName && (latents.length > 1 || images.length > 1)) return found;
  return found.map((index) => index ?? left.shift());
}
