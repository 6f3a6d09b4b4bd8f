// The public API, in the order data flows through it. Exports only.
// biome-ignore-all assist/source/organizeImports: the order is the point

// Files and memory → latents
export { type ListedTensor, type LoadLatentsOptions, listTensors, loadLatents, loadWeights } from './load';
export type { HubFile, LoadOptions, LoadWeightsOptions, Progress, Source } from './source';
export type { DType, Shape, Tensor } from './tensor';
export {
  type FormatHint,
  type GpuTensor,
  type LatentOptions,
  type Latents,
  type Layout,
  latentsFromArray,
  latentsFromBuffer,
  type SaidBy,
} from './latents';
export { type LatentView, viewLatents } from './view';

// What the numbers mean
export type { Domain, LatentFormat, OutputActivation, Packing, Source as FormatSource } from './formats/format';
export { formats } from './formats/index';
export { type FormatGuess, guessFormats, identifyLatents } from './identify';

// What turns them into RGB
export type { Decoder } from './decoders/decoder';
export {
  decoderFromWeights,
  linear,
  mini,
  type MlpOptions,
  mlp,
  type PolynomialOptions,
  polynomial,
  type TaesdOptions,
  taesd,
  vaeApprox,
  type Weights,
  type WeightsJson,
} from './decoders/index';

// Pictures, and how good they are
export {
  createPreviewer,
  type DecoderName,
  type FrameOptions,
  type Previewer,
  type PreviewerOptions,
} from './previewer';
export type { Canvas } from './canvas';
export { type Backend, type GivenDevice, requestDevice } from './gpu/device';
export type { DeviceLoss } from './recovery';
export type { Precision } from './gpu/precision';
export type { Filter } from './ops/resize';
export { compareImages, type ImageComparison, type ImageDataLike } from './compare/index';

export { type ErrorCode, LatentPreviewError } from './errors';
