// The options that say how latents become pictures, and the previewers made by them: shared by decode and compare.

import {
  type Backend,
  createPreviewer,
  type DecoderName,
  type Filter,
  type FrameOptions,
  type LatentFormat,
  type Latents,
  type Previewer,
} from '../index';
import { minis } from '../minis/index';
import { type Choice, chooseFormat, namedFormat } from './choose-format';
import { UsageError } from './command';
import { decoderName, readDecoder } from './decoder-file';
import { describeBackend, provideWebGpu } from './gpu';
import { type Options, oneOf, pixelSize, type Values, wholeNumber } from './options';
import { readingOptions } from './reading';
import type { Terminal } from './terminal';

export const decodingOptions = {
  ...readingOptions,
  decoder: {
    type: 'string',
    short: 'd',
    value: 'WHAT',
    help: 'auto (default): mini where the package carries it for the format, else map, however fast the device is. mini: the small decoder that the package carries for the format. map: the map that it carries, or the published table. linear: that table. Or a file: a map that fit made, weights of the TAESD family, VAEApprox, a mini decoder or an MLP as .safetensors, an MLP or polynomial coefficients as JSON.',
  },
  item: { type: 'string', value: 'N', help: 'Which item of a batch, from 0. Default: 0.' },
  frame: { type: 'string', value: 'N', help: 'Which latent frame of a video, from 0. Default: the middle one.' },
  resample: {
    type: 'string',
    value: 'FILTER',
    help: 'How a picture gets to its size: nearest, bilinear or bicubic.',
  },
  backend: {
    type: 'string',
    value: 'WHERE',
    help: "auto (default): a real GPU where the package 'webgpu' is installed and finds one, else the CPU. webgpu: the GPU, a software one too, or an error. cpu: never the GPU.",
  },
} as const satisfies Options;

export type DecodingValues = Values<typeof decodingOptions>;

const backends: readonly Backend[] = ['auto', 'webgpu', 'cpu'];
const filters: readonly Filter[] = ['nearest', 'bilinear', 'bicubic'];

/** @throws UsageError */
export function frameFrom(values: DecodingValues): Pick<FrameOptions, 'item' | 'frame' | 'resample'> {
  const item = wholeNumber('item', values.item, 0);
  const frame = wholeNumber('frame', values.frame, 0);
  const resample = oneOf('resample', values.resample, filters);
  return { ...(item !== undefined && { item }), ...(frame !== undefined && { frame }), ...(resample && { resample }) };
}

/** `latent`, `image` or pixels. @throws UsageError */
export function sizeFrom(value: string | undefined): FrameOptions['size'] {
  if (value === 'latent' || value === 'image' || value === undefined) return value;
  if (!/^\d/.test(value)) throw new UsageError(`--size ${value}: it must be latent, image or WIDTHxHEIGHT`);
  return pixelSize('size', value);
}

/** Not createPreviewer's `auto`, which measures: a file decoded twice is the same picture twice. */
const bestOf = ({ id }: LatentFormat): DecoderName => (Object.hasOwn(minis, id) ? 'mini' : 'map');

/** Chooses formats and makes previewers, one per format; what it made is freed by `destroy()`. */
export interface Decoding {
  choose(latents: Latents): Promise<Choice>;
  /** Says once where it decodes. */
  previewer(format: LatentFormat): Promise<Previewer>;
  destroy(): void;
}

/**
 * @throws UsageError; LatentPreviewError `file` or `weights` where the decoder cannot be read, `gpu-unavailable`
 */
export async function createDecoding(values: DecodingValues, terminal: Terminal): Promise<Decoding> {
  const backend = oneOf('backend', values.backend, backends) ?? 'auto';
  const named = values.format === undefined ? undefined : await namedFormat(values.format);
  const own = await readDecoder(values.decoder);
  const format = named ?? (own?.format === undefined ? undefined : await namedFormat(own.format));
  await provideWebGpu(backend);
  const previewers = new Map<string, Promise<Previewer>>();
  let told = false;
  return {
    choose: (latents) => chooseFormat(latents, { format, channels: own?.channels }),
    async previewer(chosen) {
      const name = decoderName(values.decoder) ?? 'auto';
      const decoder = own ?? (name === 'auto' ? bestOf(chosen) : name);
      const made = previewers.get(chosen.id) ?? createPreviewer({ format: chosen, backend, decoder });
      previewers.set(chosen.id, made);
      const previewer = await made;
      if (!told) terminal.note(describeBackend(previewer, backend));
      told = true;
      return previewer;
    },
    destroy() {
      for (const made of previewers.values()) made.then((previewer) => previewer.destroy()).catch(() => {});
    },
  };
}
