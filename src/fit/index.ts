// Maps from latents to RGB, fitted to your own pairs: `import { fitLatentMap } from 'latent-preview/fit'`.
// Exports only; a separate entry point that needs no GPU.

export { type LatentMap, type LatentMapKind, type LatentMapProvenance, latentMap } from '../decoders/latent-map';
export { type FitOptions, type FitPairSource, fitLatentMap } from './fit';
export { readLatentMap, writeLatentMap } from './map-file';
export type { FitPair } from './pairs';
export type { FitFigures, FitReport, FittedImage } from './report';
