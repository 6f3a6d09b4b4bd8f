// What the numbers of a latent mean for one model family: pure data with its source, nothing on a GPU.
// A new format is one entry in a file of this folder and one line in index.ts.

/** Where numbers were published, and under which licence. `note` says what a reader of the table should know. */
export interface Source {
  readonly repo: string;
  readonly path?: string;
  readonly commit?: string;
  /** SPDX id where there is one. */
  readonly licence: string;
  readonly note?: string;
}

/**
 * The domain of latents or of a decoder's input:
 * `model` = as the sampler sees them (scaled, shifted, normalised); `vae` = as the full VAE takes them (raw).
 */
export type Domain = 'model' | 'vae';

/** How p×p latent pixels are folded into channels. */
export interface Packing {
  /** p: pixels folded per side. */
  readonly patch: number;
  /** Channels of the packed tensor: `channels × p²`. */
  readonly packedChannels: number;
  /**
   * How packed latents are laid out: `channels` (N, packedChannels, H/p, W/p), `tokens` (N, H/p × W/p, packedChannels).
   */
  readonly layouts: readonly ('channels' | 'tokens')[];
  /**
   * Which packed channel holds channel c of a patch's pixel (row, column). `channel`, the default:
   * c × p² + row × p + column, as PyTorch's pixel_unshuffle does. `patch`: (row × p + column) × channels + c.
   */
  readonly order?: 'channel' | 'patch';
}

/** What turns the map's three numbers into sRGB in 0..1. `clamp` first maps `outputRange` to 0..1. */
export type OutputActivation = 'clamp' | 'sigmoid' | 'oklab';

/** One model family's latent space, with one published map from its latents to RGB where there is one. */
export interface LatentFormat {
  /** Unique: `sdxl`, or `sdxl/invokeai` for another published map of the same latent space. */
  readonly id: string;
  /** For people: `Stable Diffusion XL`. */
  readonly name: string;
  /** The id of the latent space; equal to `id` but for alternatives. */
  readonly base: string;
  readonly aliases?: readonly string[];
  /** Channels that a decoder sees, after unpacking. */
  readonly channels: number;
  /** 2: images (N, C, H, W). 3: video (N, C, T, H, W). */
  readonly dims: 2 | 3;
  /** Picture pixels per latent pixel and side, for latents of `channels` channels (unpacked). */
  readonly spatialDownscale: number;
  /** Frames of video per latent frame, but for the first one of causal VAEs. */
  readonly temporalDownscale?: number;
  /** Of video: whether the first latent frame stands for one frame of it alone. Default true. */
  readonly causal?: boolean;
  /** Of the video that the family makes; absent where none was published. */
  readonly framesPerSecond?: number;
  /**
   * Domain conversion, per channel: model = (vae − shiftFactor − mean) × scalingFactor / std.
   * `latentsMean` and `latentsStd` have one entry per channel, per *packed* channel where `packing` is given and there
   * are `packedChannels` of them, or one row per channel with an entry per latent frame.
   */
  readonly scalingFactor?: number;
  readonly shiftFactor?: number;
  readonly latentsMean?: readonly number[] | readonly (readonly number[])[];
  readonly latentsStd?: readonly number[] | readonly (readonly number[])[];
  readonly packing?: Packing;
  /** (channels, 3), for model latents. Absent where nobody has published a map (under a licence this entry accepts). */
  readonly latentRgbFactors?: readonly (readonly [number, number, number])[];
  readonly latentRgbBias?: readonly [number, number, number];
  /** 3×3, row by row: each of R, G, B is convolved with it (zero padding) before the activation. */
  readonly smoothMatrix?: readonly (readonly [number, number, number])[];
  readonly outputActivation?: OutputActivation;
  /** The map's range that becomes 0..1. Default −1..1. */
  readonly outputRange?: readonly [number, number];
  /** Facts about the family that a person should know; a `suspect` text says why the table may be wrong. */
  readonly notes?: readonly string[];
  readonly suspect?: string;
  /** Of the map; of the facts where there is no map. */
  readonly source: Source;
}

/** The fields of a format that describe a published map. */
export type RgbMap = Pick<
  LatentFormat,
  'latentRgbFactors' | 'latentRgbBias' | 'smoothMatrix' | 'outputActivation' | 'outputRange' | 'suspect' | 'source'
>;

/** The fields of a format that hold for every map of its latent space. */
export type LatentSpace = Omit<LatentFormat, keyof RgbMap | 'id' | 'aliases'>;
