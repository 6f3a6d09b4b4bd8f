// `latent-preview/steps`: what a sampler's steps are heading for. Exports only.

export type { NoiseLevel, NoiseLevels, Prediction } from './factors';
export { type ComputeOptions, type PredictOptions, predictX0, predictX0FromSteps } from './predict';
