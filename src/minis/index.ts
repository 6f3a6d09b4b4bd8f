// The mini decoders that this project trained, for your own use: `import { mini, minis } from 'latent-preview/minis'`.
// Exports only.

export { mini } from '../decoders/mini';
export { minis } from './minis';
