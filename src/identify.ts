// What latents are where nobody has said it: ranked guesses, and the one guess that is clear. The ranking is guess/, loaded
// when first asked; nothing else in the library acts on a guess.

import type { Domain, LatentFormat } from './formats/format';
import type { Latents, Layout } from './latents';

export interface FormatGuess {
  readonly format: LatentFormat;
  readonly domain: Domain;
  /** The axis order in which they are read. */
  readonly layout: Layout;
  /** Latent rows and columns, of token layouts. */
  readonly size?: { readonly height: number; readonly width: number };
  /** These latents, said to be what the guess takes them for: a previewer of its format shows them as they are. */
  readonly latents: Latents;
  /**
   * How far their statistics are from what this format's latents of photos have, 0 being exactly that; more where the file
   * speaks against it, less where it speaks for it. Guesses come smallest first.
   */
  readonly distance: number;
  /** One sentence for a person. */
  readonly reason: string;
}

/**
 * What these latents may be, likeliest first: format, domain, axis order, and the size of tokens. Empty where no format has
 * their channels, and for latents in GPU memory. What the caller or the file has said is not guessed again.
 */
export async function guessFormats(latents: Latents): Promise<readonly FormatGuess[]> {
  return (await import('./guess/rank')).rankGuesses(latents);
}

/**
 * These latents with all that is not said about them, format, domain, axis order and the size of tokens, as the first guess
 * has it, if that one leaves no doubt.
 * @throws LatentPreviewError `format` where it does: the message lists the candidates, likeliest first, with their reasons
 */
export async function identifyLatents(latents: Latents): Promise<Latents & { readonly format: LatentFormat }> {
  const [guesses, { clearGuess }] = await Promise.all([guessFormats(latents), import('./guess/clear')]);
  const guess = clearGuess(latents, guesses, 'pass `format` (and `domain`), or show the candidates of guessFormats()');
  return { ...guess.latents, format: guess.format };
}
