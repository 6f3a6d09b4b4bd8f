// Every decoder there is.

export { decoderFromWeights } from './from-weights';
export { linear } from './linear';
export { mlp } from './mlp';
export { polynomial } from './polynomial';
export { type TaesdOptions, taesd } from './taesd';
export { vaeApprox } from './vae-approx';
