// Which picture belongs to which latents: by their names.

import { basename, extname } from 'node:path';
import type { Input } from './inputs';

export interface Match {
  readonly latents: Input;
  readonly picture: Input;
}

export interface Matches {
  readonly pairs: readonly Match[];
  /** Latents without a picture. */
  readonly lonely: readonly Input[];
  /** Latents with more than one picture of the best fitting name. */
  readonly torn: readonly { readonly latents: Input; readonly pictures: readonly Input[] }[];
}

/** `photos/astronaut.sd1.npy` → `astronaut.sd1` */
export const baseName = (path: string): string => basename(path, extname(path)).toLowerCase();

/**
 * For each file of latents the picture of its base name, else the one whose base name is its beginning, the longest
 * first: `astronaut.sd1.npy` goes with `astronaut.jpg`.
 */
export function matchPairs(latents: readonly Input[], pictures: readonly Input[]): Matches {
  const [pairs, lonely, torn]: [Match[], Input[], { latents: Input; pictures: readonly Input[] }[]] = [[], [], []];
  for (const one of latents) {
    const name = baseName(one.path);
    const fitting = pictures.filter(({ path }) => begins(name, baseName(path)));
    const longest = Math.max(0, ...fitting.map(({ path }) => baseName(path).length));
    const best = fitting.filter(({ path }) => baseName(path).length === longest);
    const [picture] = best;
    if (!picture) lonely.push(one);
    else if (best.length > 1) torn.push({ latents: one, pictures: best });
    else pairs.push({ latents: one, picture });
  }
  return { pairs, lonely, torn };
}

/** Up to a separator: `cat` is no beginning of `category`. */
const begins = (name: string, start: string): boolean =>
  name === start || (start !== '' && name.startsWith(start) && /^[._\-\s]/.test(name.slice(start.length)));
