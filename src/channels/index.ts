// `latent-preview/channels`: the latents themselves, before any decoder. Exports only.

export { channelHistogram, type Histogram, type HistogramOptions } from './histogram';
export { type ChannelImageOptions, channelImage } from './image';
export { type Palette, paletteColours } from './palette';
export { channelRange, type Range } from './range';
export type { ReadOptions, SelectOptions } from './read';
export { channelStatistics, type Statistics } from './statistics';
