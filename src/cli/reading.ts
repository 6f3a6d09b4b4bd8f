// The options that say how latents are read, and reading by them: shared by every command that takes latents.

import { readFile } from 'node:fs/promises';
import { type Domain, type DType, type Latents, type Layout, type LoadLatentsOptions, loadLatents } from '../index';
import { dtypes } from '../tensor';
import { UsageError } from './command';
import { type Options, oneOf, pixelSize, type Values } from './options';

export const readingOptions = {
  format: {
    type: 'string',
    short: 'f',
    value: 'ID',
    help: "The model family: sd15, sdxl, sd3, flux, flux2, wan21, … or one published map of it: sdxl/invokeai. All: 'latent-preview info --formats'. Not given, it is guessed from the numbers; a guess is taken only where it is clear.",
  },
  domain: {
    type: 'string',
    value: 'model|vae',
    help: 'The scale of the numbers. model: as the sampler and diffusers have them. vae: raw, as the full VAE takes them. Default: what the file implies (.latent of ComfyUI: vae), what the guess says, else model.',
  },
  key: { type: 'string', value: 'NAME', help: 'Which tensor of a file with several.' },
  layout: {
    type: 'string',
    value: 'AXES',
    help: 'The order of the axes where it is not the usual one: NHWC, NTCHW, …',
  },
  'latent-size': {
    type: 'string',
    value: 'WxH',
    help: 'Width and height of packed tokens (FLUX: N, tokens, 64), in latent pixels. Default: the most square that fits.',
  },
  shape: { type: 'string', value: 'N,C,H,W', help: 'The files are raw numbers without a header, of this shape.' },
  dtype: { type: 'string', value: 'TYPE', help: 'With --shape: float32 (default), float16, bfloat16, …' },
} as const satisfies Options;

export type Reading = Pick<LoadLatentsOptions, 'domain' | 'key' | 'layout' | 'size' | 'shape' | 'dtype'>;

const domains: readonly Domain[] = ['model', 'vae'];
const layouts: readonly Layout[] = [
  'CHW',
  'HWC',
  'NCHW',
  'NHWC',
  'CTHW',
  'TCHW',
  'THWC',
  'NCTHW',
  'NTCHW',
  'NTHWC',
  'LC',
  'NLC',
];

/** @throws UsageError */
export function readingFrom(values: Values<typeof readingOptions>): Reading {
  const domain = oneOf('domain', values.domain, domains);
  const layout = oneOf('layout', values.layout?.toUpperCase(), layouts);
  const size = pixelSize('latent-size', values['latent-size']);
  const dtype = oneOf<DType>('dtype', values.dtype, dtypes);
  const shape = values.shape?.split(/[,x×]/).map(Number);
  if (shape?.some((length) => !Number.isSafeInteger(length) || length < 1))
    throw new UsageError(`--shape ${values.shape}: it must be whole numbers such as 1,4,64,64`);
  if (dtype && !shape) throw new UsageError('--dtype is for raw files; give their --shape too');
  return {
    ...(domain && { domain }),
    ...(values.key !== undefined && { key: values.key }),
    ...(layout && { layout }),
    ...(size && { size }),
    ...(dtype && { dtype }),
    ...(shape && { shape }),
  };
}

/** @throws LatentPreviewError `file`, `shape` */
export async function readLatents(path: string, reading: Reading, signal: AbortSignal): Promise<Latents> {
  return loadLatents(await readFile(path, { signal }), reading);
}
