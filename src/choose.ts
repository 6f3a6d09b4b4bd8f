// Which decoder a previewer gets that was given a name, or nothing: loaded, and for `auto` measured on the device. Loaded
// when it is first needed: who brings a decoder does without.

import type { Decoder } from './decoders/decoder';
import { latentMap } from './decoders/latent-map';
import { linear } from './decoders/linear';
import { LatentPreviewError } from './errors';
import type { LatentFormat } from './formats/format';
import { formats } from './formats/index';
import type { AcquiredDevice } from './gpu/device';
import { type Latents, latentsFromArray } from './latents';
import { maps } from './maps/maps';
import { minis } from './minis/minis';
import type { DecoderName, Previewer } from './previewer';

/** A copy of one of the package's formats may hold its owner's table. */
const isOurs = (format: LatentFormat): boolean => formats[format.id] === format;

export interface ResolvedDecoder {
  readonly chosen: Decoder;
  /** For `auto`, where `chosen` is the map: how to look for a better one on the device. */
  readonly openBest?: typeof openBest;
}

/** Rejects with a LatentPreviewError `format` or `file`. */
export async function resolveDecoder(name: DecoderName, format: LatentFormat): Promise<ResolvedDecoder> {
  return { chosen: await namedDecoder(name, format), ...(name === 'auto' && { openBest }) };
}

async function namedDecoder(name: DecoderName, format: LatentFormat): Promise<Decoder> {
  if (name === 'linear') return linear(format);
  if (name === 'mini') return miniOf(format);
  if (name !== 'auto' && name !== 'map')
    throw new LatentPreviewError(
      'format',
      `previewer: decoder is '${name}', needed is 'auto', 'mini', 'map', 'linear' or a decoder: ` +
        'decoderFromWeights(await loadWeights(…)) makes one of a file',
    );
  const load = isOurs(format) ? maps[format.id] : undefined;
  return load ? latentMap(await load()) : linear(format);
}

/** Those that were loaded, or are being: they are small, and asked for again and again. */
const loaded = new Map<string, Promise<Decoder>>();

async function miniOf({ id, base }: LatentFormat): Promise<Decoder> {
  const load = minis[base];
  if (!load)
    throw new LatentPreviewError(
      'format',
      `previewer: there is no mini decoder for format '${id}', only for ${Object.keys(minis).join(', ')} and the formats ` +
        "based on these; use decoder 'auto' or 'map'",
    );
  const known = loaded.get(base);
  if (known) return known;
  const loading = load();
  loaded.set(base, loading);
  loading.catch(() => loaded.delete(base));
  return loading;
}

/** A previewer that may not be kept. */
export type Candidate = Pick<Previewer, 'toImageData' | 'destroy'>;

export interface Choice<T> {
  readonly format: LatentFormat;
  /** What is used where the mini decoder is not. */
  readonly map: Decoder;
  /** Undefined: the CPU. */
  readonly acquired: AcquiredDevice | undefined;
  readonly precision: string;
  /** Milliseconds. */
  readonly frameBudget: number;
  /** Leaves the device to the other one when it is destroyed. */
  readonly open: (decoder: Decoder) => Promise<T>;
  readonly now?: () => number;
  /** Milliseconds until the map is taken whatever becomes of the mini decoder. */
  readonly patience?: number;
}

/** Latents of 64×64: pictures of 512×512 of most families. */
const referenceSide = 64;
/** A sixteenth of it, which even slow devices do in little time. */
const probeSide = 16;
/**
 * For the weights, compiling and measuring together. A device or a network that takes longer shows the map, and what has
 * arrived by the next time serves then.
 */
const defaultPatience = 2000;

/** Milliseconds that decoders took at the reference size, by place and format. */
const measured = new Map<string, Promise<number>>();

/**
 * A previewer of the mini decoder where there is one that fits the budget here, else of the map. Rejects where the map's
 * does: whatever is wrong with the mini decoder, there is a picture.
 */
export async function openBest<T extends Candidate>(choice: Choice<T>): Promise<T> {
  const { format, map, frameBudget, open, patience = defaultPatience } = choice;
  // A variant's id asks for that variant's table. Software GPUs take seconds to compile convolutions, and are slower than
  // the CPU at them.
  const always = frameBudget === Number.POSITIVE_INFINITY;
  const unlikely = !(frameBudget > 0) || (choice.acquired?.software === true && !always);
  if (unlikely || !isOurs(format) || !minis[format.id]) return open(map);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, patience, undefined);
  });
  const trying = tryMini(choice).catch(() => undefined);
  const best = await Promise.race([trying, timeout]);
  clearTimeout(timer);
  if (best) return best;
  trying.then((candidate) => candidate?.destroy());
  return open(map);
}

/** Undefined where it is too slow. */
async function tryMini<T extends Candidate>(choice: Choice<T>): Promise<T | undefined> {
  const { format, frameBudget, open } = choice;
  const key = placeOf(choice);
  const known = measured.get(key);
  if (known && (await known) > frameBudget) return undefined;
  const candidate = await open(await miniOf(format));
  try {
    // Whatever it takes, it fits.
    if (frameBudget === Number.POSITIVE_INFINITY) return candidate;
    // Another one may have begun meanwhile.
    if ((await (measured.get(key) ?? begin(key, measure(choice, candidate)))) <= frameBudget) return candidate;
  } catch (error) {
    candidate.destroy();
    throw error;
  }
  candidate.destroy();
  return undefined;
}

/** What a decode runs on, in words: what was measured on a device holds for the next one of its kind too. */
function placeOf({ format, acquired, precision }: Choice<unknown>): string {
  const { vendor, architecture, device, description } = acquired?.device.adapterInfo ?? {};
  return [format.id, ...(acquired ? [precision, vendor, architecture, device, description] : ['cpu'])].join(' ');
}

function begin(key: string, measuring: Promise<number>): Promise<number> {
  measured.set(key, measuring);
  measuring.catch(() => measured.delete(key));
  return measuring;
}

/** From latents to pixels in memory, at the reference size or, where that is too slow already, at a part of it. */
async function measure<T extends Candidate>(
  { format, acquired, frameBudget, now = () => performance.now() }: Choice<T>,
  candidate: T,
): Promise<number> {
  const time = async (latents: Latents): Promise<number> => {
    const start = now();
    await candidate.toImageData(latents);
    return now() - start;
  };
  // What others do meanwhile makes a decode longer, nothing makes it shorter.
  const best = async (side: number): Promise<number> => {
    const shape = [1, format.channels, side, side];
    const latents = latentsFromArray(new Float32Array(format.channels * side * side), { shape });
    // The first one allocates, and may compile.
    await time(latents);
    return Math.min(await time(latents), await time(latents));
  };
  const probe = await best(probeSide);
  // On the CPU time goes with the work: there is nothing that could lie idle.
  if (!acquired) return probe * (referenceSide / probeSide) ** 2;
  return probe > frameBudget ? probe : best(referenceSide);
}
