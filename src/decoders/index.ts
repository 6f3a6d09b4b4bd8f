// Every decoder there is.

export { decoderFromWeights } from './from-weights';
export { latentMap } from './latent-map';
export { linear } from './linear';
export { mini } from './mini';
export { type MlpOptions, mlp, type Weights, type WeightsJson } from './mlp';
export { type PolynomialOptions, polynomial } from './polynomial';
export { type TaesdOptions, taesd } from './taesd';
export { vaeApprox } from './vae-approx';
