// Which decoders a family of latents has: the map that this project fitted, the published tables, the opt-in ones with their
// licence, and those that the user dropped onto the page or had downloaded.

import { knownDecoders } from '../src/decoders/known';
import type { LatentMap } from '../src/decoders/latent-map';
import { weightsKind } from '../src/decoders/weights-kind';
import { copyleftFormats } from '../src/formats/copyleft/index';
import {
  type Decoder,
  decoderFromWeights,
  formats,
  type LatentFormat,
  loadWeights,
  mlp,
  type PolynomialOptions,
  polynomial,
  type WeightsJson,
} from '../src/index';
import { latentMap, maps } from '../src/maps/index';
import { type Entry, type ImportedDecoder, newId, type State } from './state';

export interface DecoderChoice {
  readonly id: string;
  readonly label: string;
  readonly group: 'mini' | 'fitted' | 'table' | 'opt-in' | 'downloaded' | 'own';
  readonly format: LatentFormat;
  /** Undefined: the format's own table. */
  readonly decoder?: Decoder;
  readonly imported?: ImportedDecoder;
  /** True where another choice has the same table. */
  readonly duplicate: boolean;
}

/** By format. They are small, and knowing them from the start spares every part of the page a wait. */
const fittedMaps = new Map(
  await Promise.all(Object.entries(maps).map(async ([id, load]) => [id, latentMap(await load())] as const)),
);

/** The families: formats that are not just another table of one. */
export const families: readonly LatentFormat[] = Object.values(formats).filter(({ id, base }) => id === base);

export const familyOf = (id: string): LatentFormat => formats[id] ?? (families[0] as LatentFormat);

/** The family's name without what follows in brackets. */
export const shortName = ({ name }: LatentFormat): string => name.replace(/ \(.*\)$/, '');

/** Fitted maps are for one family, other decoders for whatever has their channels. */
export const takes = ({ format, channels }: Decoder, family: LatentFormat): boolean =>
  format === undefined ? channels === family.channels : format === family.base;

export function choicesFor(family: LatentFormat, imported: readonly ImportedDecoder[]): readonly DecoderChoice[] {
  const own = imported
    .filter(({ decoder, known }) =>
      known ? (knownDecoders[known].formats as readonly string[]).includes(family.id) : takes(decoder, family),
    )
    .map((one) => ({
      id: one.id,
      label: one.decoder.name,
      group: one.read === 'mini' ? ('mini' as const) : one.known ? ('downloaded' as const) : ('own' as const),
      format: family,
      decoder: one.decoder,
      imported: one,
      duplicate: false,
    }));
  const fittedMap = fittedMaps.get(family.id);
  const fitted: readonly DecoderChoice[] = fittedMap
    ? [
        {
          id: family.id,
          label: `${family.id} · fitted here · MIT`,
          group: 'fitted',
          format: family,
          decoder: fittedMap,
          duplicate: false,
        },
      ]
    : [];
  const tables = [...Object.values(formats), ...Object.values(copyleftFormats)].filter(
    ({ id, base, latentRgbFactors }) => base === family.base && latentRgbFactors && !(fittedMap && id === base),
  );
  const published = tables.map((format) => {
    const { id, base, latentRgbFactors, source } = format;
    const twin = id === base && tables.find((other) => other !== format && other.latentRgbFactors === latentRgbFactors);
    const duplicate =
      id !== base && tables.some((other) => other.id === base && other.latentRgbFactors === latentRgbFactors);
    const label = twin
      ? `${id} = ${twin.id}`
      : `${id} · ${source.licence === 'NONE' ? 'no licence stated' : source.licence}`;
    return { id, label, group: id in formats ? ('table' as const) : ('opt-in' as const), format, duplicate };
  });
  // The first one is the default.
  const first = own.filter(({ imported: { read, quick } }) => read === 'mini' && quick);
  return [...first, ...fitted, ...published, ...own.filter((one) => !first.includes(one))];
}

/** The decoder that an entry has chosen; undefined where its family has none under a permissive licence. */
export const choiceOf = ({ decoders }: State, entry: Entry): DecoderChoice | undefined =>
  choicesFor(familyOf(entry.format), decoders).find(({ id }) => id === entry.decoder);

/** Nets of convolutions have hundreds or thousands of times the work of a table. */
const isNet = ({ decoder }: DecoderChoice): boolean => decoder?.layers.some(({ name }) => name === 'conv2d') ?? false;

/** Takes so long that there is progress to be shown, and a way out. */
export const isLong = (choice: DecoderChoice): boolean => isNet(choice) && !choice.imported?.quick;

/** The family's fitted map or published table; undefined where there is none under a permissive licence. */
export const quickChoice = ({ format }: Entry): DecoderChoice | undefined =>
  choicesFor(familyOf(format), []).find(({ group }) => group === 'fitted' || group === 'table');

/** Where a decoder stands on the ladder: tables, maps, perceptrons, the mini decoder, then nets by how much they enlarge. */
export function rungOf(choice: DecoderChoice): number {
  const { decoder, group } = choice;
  if (!decoder) return 0;
  if (group === 'mini') return 3;
  if (isNet(choice)) return 10 + decoder.upscale;
  return decoder.layers.some(({ name }) => name === 'mlp') ? 2 : 1;
}

/**
 * A decoder of one's own, `name` before its own name.
 * @param name of its file, which says which one it is: another of the same name takes its place
 */
export const importDecoder = (name: string, { decoder, read }: Read): ImportedDecoder => ({
  id: newId('decoder'),
  file: name,
  decoder: { ...decoder, name: `${name} · ${decoder.name}` },
  read,
});

type Read = Pick<ImportedDecoder, 'decoder' | 'read'>;

/**
 * A decoder from a file: a state dict (.safetensors) of the TAESD family, A1111's VAEApprox or an MLP, an MLP as JSON of
 * nested arrays, JSON of polynomial coefficients `{ channels, degree, coefficients }`, or a fitted map as JSON. Undefined
 * where the file is none.
 * @throws LatentPreviewError `weights` where it is one that does not work
 */
export async function readDecoder(name: string, blob: Blob): Promise<ImportedDecoder | undefined> {
  const found = (await fromStateDict(blob)) ?? (await fromJson(blob));
  return found && importDecoder(name, found);
}

/**
 * A fitted map in a safetensors file, told by the metadata; undefined where the file is none.
 * @throws LatentPreviewError `weights` where it is not a whole one
 */
export async function readMap(name: string, blob: Blob): Promise<ImportedDecoder | undefined> {
  if (!/"__metadata__":\s*\{"latent_map":/.test(await blob.slice(8, 200).text())) return undefined;
  const { latentMap, readLatentMap } = await import('../src/fit/index');
  const map = await readLatentMap(new Uint8Array(await blob.arrayBuffer()));
  return importDecoder(name, { decoder: latentMap(map), read: 'latentMap' });
}

async function fromStateDict(blob: Blob): Promise<Read | undefined> {
  const weights = await loadWeights(blob).catch(() => undefined);
  if (!weights) return undefined;
  if (weightsKind(weights) !== 'other') return { decoder: decoderFromWeights(weights), read: 'decoderFromWeights' };
  const layers = [...weights].every(
    ([key, { shape }]) =>
      (key.endsWith('.weight') && shape.length === 2) || (key.endsWith('.bias') && shape.length === 1),
  );
  return layers ? { decoder: mlp(weights), read: 'mlp' } : undefined;
}

async function fromJson(blob: Blob): Promise<Read | undefined> {
  // The largest map that is fitted has 11 MB; a larger file that begins with a brace is something else.
  if (blob.size > 16e6 || !/^\s*\{/.test(await blob.slice(0, 64).text())) return undefined;
  const value: unknown = await blob
    .text()
    .then(JSON.parse)
    .catch(() => undefined);
  if (typeof value !== 'object' || value === null) return undefined;
  if ('coefficients' in value && 'version' in value) {
    const { latentMap } = await import('../src/decoders/latent-map');
    return { decoder: latentMap(value as LatentMap), read: 'latentMap' };
  }
  if ('coefficients' in value) return { decoder: polynomial(value as PolynomialOptions), read: 'polynomial' };
  if (!Object.keys(value).some((key) => key.endsWith('.weight'))) return undefined;
  return { decoder: mlp(value as WeightsJson), read: 'mlp' };
}
