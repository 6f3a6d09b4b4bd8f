// Whether guesses leave a doubt, and what to say where they do: formats that are all likely are an error which lists them,
// never a silent default.

import { LatentPreviewError } from '../errors';
import type { FormatGuess } from '../identify';
import type { Latents } from '../latents';
import { formatShape } from '../tensor';

// Measured on 1375 views of 21 photos that the statistics were not measured on, whole and in nine cuts each, as the sampler
// and as the VAE has them, in five families: 1088 are clear by these numbers, all in the right format; 23 of them are raw
// latents of SD3 taken for scaled ones, which are 1.5 times larger.
const clearDistance = 0.45;
const clearMargin = 0.08;
const clearRatio = 2;

/** Whether the first of these guesses, likeliest first, leaves no doubt. */
export const isClear = ([best, ...others]: readonly FormatGuess[]): boolean =>
  best !== undefined && best.distance < clearDistance && !others.some((other) => rivals(best, other));

const rivals = (best: FormatGuess, other: FormatGuess): boolean =>
  other.distance < best.distance * clearRatio || other.distance - best.distance < clearMargin;

/** The guess that is clear. @throws LatentPreviewError `format` with the candidates, likeliest first, in its message */
export function clearGuess(latents: Latents, guesses: readonly FormatGuess[], remedy: string): FormatGuess {
  const [best] = guesses;
  if (!best)
    throw new LatentPreviewError(
      'format',
      `format: no known format fits latents of shape ${formatShape(latents.tensor.shape)}; ${remedy}, ` +
        'and the layout if the axes are in another order',
    );
  if (isClear(guesses)) return best;
  const candidates = guesses.filter((guess) => guess === best || rivals(best, guess));
  throw new LatentPreviewError(
    'format',
    `format: the numbers do not say clearly which; ${remedy}:\n` +
      `${listGuesses(candidates, 6)}${candidates.length === 1 ? '\n  and nothing else comes near, but it is not near itself' : ''}`,
  );
}

/** `  sdxl, model domain (distance 0.02): 4 channels …`, a line each. */
export function listGuesses(guesses: readonly FormatGuess[], most: number): string {
  const lines = guesses
    .slice(0, most)
    .map(
      ({ format, domain, distance, reason }) =>
        `  ${format.id}, ${domain} domain (distance ${distance.toFixed(2)}): ${reason}`,
    );
  if (guesses.length > most) lines.push(`  and ${guesses.length - most} less likely`);
  return lines.join('\n');
}
