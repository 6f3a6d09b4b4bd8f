// The public API, in the order data flows through it. Exports only.

export { compareImages, type ImageComparison, type ImageDataLike } from './compare/index';
export type { Decoder } from './decoders/decoder';
export { decoderFromWeights } from './decoders/from-weights';
export { linear } from './decoders/linear';
export { type MlpOptions, mlp, type Weights, type WeightsJson } from './decoders/mlp';
export { type PolynomialOptions, polynomial } from './decoders/polynomial';
export { type TaesdOptions, taesd } from './decoders/taesd';
export { vaeApprox } from './decoders/vae-approx';
export { type ErrorCode, LatentPreviewError } from './errors';
export type { Domain, LatentFormat, OutputActivation, Packing } from './formats/format';
export { formats } from './formats/index';
export type { Backend } from './gpu/device';
export { type FormatGuess, guessFormats } from './guess';
export {
  type GpuTensor,
  type LatentOptions,
  type Latents,
  type LatentView,
  type Layout,
  latentsFromArray,
  latentsFromBuffer,
  viewLatents,
} from './latents';
export {
  type LoadLatentsOptions,
  type LoadOptions,
  loadLatents,
  loadWeights,
  type Progress,
  type Source,
} from './load';
export type { Filter } from './ops/resize';
export { createPreviewer, type FrameOptions, type Previewer, type PreviewerOptions } from './previewer';
export type { DType, Shape, Tensor } from './tensor';
