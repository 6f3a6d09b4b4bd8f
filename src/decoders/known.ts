// The published tiny decoders by name: where their weights are and whose latents they take. Data alone; nothing is
// downloaded before `loadWeights` is asked for one.

import type { HubFile } from '../source';

export interface KnownDecoder extends HubFile {
  /** As its author writes it. */
  readonly title: string;
  /** The formats whose model latents it takes, by id. */
  readonly formats: readonly string[];
  /** Of the download, in millions of bytes, to one decimal. */
  readonly megabytes: number;
  /** SPDX. */
  readonly licence: string;
  readonly revision: string;
  readonly sha256: string;
}

const madebyollin = { licence: 'MIT' } as const;

/**
 * The TAESD family's image decoders that exist as .safetensors on huggingface.co, all by Ollin Boer Bohan, MIT. Each is
 * pinned to a commit and a sha256, and read by `taesd`. TAESD and TAESDXL are decoders alone; the other files hold the encoder
 * too, which is passed over.
 *
 * Revisions and hashes are those under which other public projects pin the same files, two or more for each: mlx-taef,
 * llamadart, and others for one or the other. TAEF2's size is what its parameters take in float32. Not here, because
 * they are published as .pth alone or as another architecture: TAESANA, TAEQI2.1, the video decoders.
 */
export const knownDecoders = {
  taesd: {
    ...madebyollin,
    title: 'TAESD',
    formats: ['sd15'],
    repo: 'madebyollin/taesd',
    file: 'taesd_decoder.safetensors',
    revision: '614f76814bbe30edbe2e627ace1c2234c81a2c0e',
    sha256: 'f0fb51dd10d41c26612c070fa0b52ea0215a5ff90792134b4971109dd713c019',
    megabytes: 4.9,
  },
  taesdxl: {
    ...madebyollin,
    title: 'TAESDXL',
    formats: ['sdxl'],
    repo: 'madebyollin/taesdxl',
    file: 'taesdxl_decoder.safetensors',
    revision: 'b20258aaef75ef61e659c1e0f14f251cf0ad153e',
    sha256: 'f6013131e7eb412ef20113f1acc2ea7d3e47e53196ca0530fa65d9b61d814b61',
    megabytes: 4.9,
  },
  taesd3: {
    ...madebyollin,
    title: 'TAESD3',
    formats: ['sd3'],
    repo: 'madebyollin/taesd3',
    file: 'diffusion_pytorch_model.safetensors',
    revision: 'd58dcaccd2b36fcb7a6b9e93c1cc507acab5a778',
    sha256: '6f79c1397cb9ce1dac363722dbe70147aee0ccca75e28338f8482fe515891399',
    megabytes: 9.8,
  },
  taef1: {
    ...madebyollin,
    title: 'TAEF1',
    formats: ['flux'],
    repo: 'madebyollin/taef1',
    file: 'diffusion_pytorch_model.safetensors',
    revision: 'b1b2d00e9e440cfbf3dedb34266864da86016ceb',
    sha256: '47a6c2bff850da04b267cab70fe3553fef57255eb9a8e76852baa0a87850e54d',
    megabytes: 9.8,
  },
  taef2: {
    ...madebyollin,
    title: 'TAEF2',
    formats: ['flux2'],
    repo: 'madebyollin/taef2',
    file: 'taef2.safetensors',
    revision: 'bd244ebfe4398c84fbf312a2f1c868c676b500e3',
    sha256: '701d31c0ecbef3b609fe236e2e3a65ffb17f3a94237acdd771e8ea3194df557a',
    megabytes: 10.7,
  },
} as const satisfies Readonly<Record<string, KnownDecoder>>;
