// What the Fit panel says before a fit: of its pairs, of what is held out, of the map's size, of the ridge.

import { mapFeatures } from '../src/decoders/latent-map';
import type { LatentFormat } from '../src/index';
import { familyOf, shortName } from './decoders';
import { viewOf } from './entry';
import type { FitSettings } from './fit.worker';
import type { OpenPair, OpenPairs } from './fit-pairs';
import type { State } from './state';

/** What the fit would take, were it started now. */
export interface Plan extends OpenPairs {
  readonly family: LatentFormat;
  readonly used: readonly OpenPair[];
  readonly heldOut: ReadonlySet<string>;
}

export function pairsNote({ family, pairs, bare }: Plan, { waiting }: State): string {
  const format = shortName(family);
  const without = (what: string, names: readonly string[]): string =>
    names.length === 0
      ? ''
      : ` Without ${what}: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}.`;
  return (
    (pairs.length === 0
      ? `No pairs for ${format} yet. Drop latents and pictures here`
      : `${pairs.length} ${pairs.length === 1 ? 'pair' : 'pairs'} for ${format}. Drop more here`) +
    ', in any order: their names match them.' +
    without('a picture', bare) +
    without(
      'latents',
      waiting.map(({ name }) => name),
    )
  );
}

export function heldNote(used: number, heldOut: number): string {
  const flatters =
    'nothing is held out: the figures will say how well the map repeats pictures that it has seen, not how it does on others.';
  if (used === 0) return '';
  if (used === 1) return `With one pair, ${flatters} Add a pair to know.`;
  if (heldOut === 0) return `N${flatters.slice(1)}`;
  return `${heldOut} of ${used} held out: the map is judged on what it has not seen.`;
}

export function sizeNote(
  { used, heldOut }: Plan,
  { format, kind = 'affine', neighbourhood = 1, upscale = 1 }: FitSettings,
): string {
  const features = mapFeatures({ kind, channels: familyOf(format).channels, neighbourhood });
  const outputs = 3 * upscale ** 2;
  const pixels = used
    .filter(({ name }) => !heldOut.has(name))
    .reduce((sum, { entry }) => {
      const view = viewOf(entry);
      return sum + (view ? view.height * view.width : 0);
    }, 0);
  return (
    `${(features * outputs).toLocaleString('en')} coefficients (${features.toLocaleString('en')} for each of ${outputs} ` +
    `outputs) from ${pixels.toLocaleString('en')} latent pixels.`
  );
}

/** What a person typed. */
export const ridgeOf = (text: string): number | 'auto' | 'wrong' => {
  const word = text.trim().toLowerCase();
  if (word === '' || word === 'auto') return 'auto';
  const value = Number(word.replace(',', '.'));
  return value >= 0 && Number.isFinite(value) ? value : 'wrong';
};

export function ridgeNote(ridge: ReturnType<typeof ridgeOf>, text: string, heldOut: number): string {
  if (ridge === 'wrong') return `Ridge: '${text}' is neither auto nor a number from 0 up, such as 0.001.`;
  if (ridge !== 'auto') return '';
  return heldOut > 0 ? 'auto: what does best on the held-out pictures.' : 'auto: 0.0001, as nothing is held out.';
}
