// The maps that this project fitted, for your own use: `import { latentMap, maps } from 'latent-preview/maps'`.
// Exports only.

export { type LatentMap, latentMap } from '../decoders/latent-map';
export { maps } from './maps';
