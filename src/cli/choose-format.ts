// Which format latents are in: what the command line says, else the guess that is clear (guess/clear.ts says when).

import { resolveFormat } from '../formats/index';
import { clearGuess, isClear } from '../guess/clear';
import { type FormatGuess, guessFormats, type LatentFormat, LatentPreviewError, type Latents } from '../index';
import { UsageError } from './command';

/**
 * A format by id, those under copyleft licences too: who names one has chosen it.
 * @throws UsageError where there is none
 */
export async function namedFormat(id: string): Promise<LatentFormat> {
  try {
    return resolveFormat(id);
  } catch (error) {
    const { copyleftFormats } = await import('../formats/copyleft/index');
    const found = copyleftFormats[id.toLowerCase()];
    if (found) return found;
    if (!(error instanceof LatentPreviewError)) throw error;
    const [what] = error.message.split('. `');
    throw new UsageError(`--format: ${what?.replace(/^format: /, '')}. 'latent-preview info --formats' lists all`);
  }
}

export interface Choice {
  readonly format: LatentFormat;
  /** In the domain that was guessed with the format. */
  readonly latents: Latents;
  /** Where the format was not given: what made it this one. */
  readonly guess?: FormatGuess;
  /** What a person should know about the choice. */
  readonly notes: readonly string[];
}

/**
 * @param options.format what the command line or the decoder says
 * @param options.channels of the decoder, where one is given: formats with others are no candidates
 * @throws LatentPreviewError `format` with the candidates where none is clear
 */
export async function chooseFormat(
  latents: Latents,
  { format, channels }: { format?: LatentFormat | undefined; channels?: number | undefined },
): Promise<Choice> {
  const guesses = (await guessFormats(latents)).filter(
    (guess) => channels === undefined || guess.format.channels === channels,
  );
  if (format) return { format, latents, notes: domainNotes(latents, format, guesses) };
  const decoder = channels === undefined ? '' : ` that fits the decoder's ${channels} channels`;
  const guess = clearGuess(latents, guesses, `pass --format${decoder} (and --domain, --layout, --latent-size)`);
  const notes = [`guessed to be ${guess.format.id}, ${guess.domain} domain: ${guess.reason}`];
  return { format: guess.format, latents: guess.latents, guess, notes };
}

/** Latents that nobody said to be raw but that look it. */
function domainNotes({ domainFrom }: Latents, { base }: LatentFormat, guesses: readonly FormatGuess[]): string[] {
  const own = guesses.filter((guess) => guess.format.base === base);
  if (domainFrom !== 'default' || own[0]?.domain !== 'vae' || !isClear(own)) return [];
  return ['read as model latents, but they look like raw VAE latents; if the picture is garish, pass --domain vae'];
}
