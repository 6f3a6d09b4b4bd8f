// Live steps: a small wire format for latents, a reader for whatever they come through, and a canvas that keeps up with them.

export { type DecodeOptions, decodeLatents, type LatentStep } from './decode';
export { type EncodeOptions, encodeLatents } from './encode';
export type { EventSourceLike, SocketLike } from './inbox';
export {
  createPreviewStream,
  type PreviewStream,
  type PreviewStreamOptions,
  type ShownFrame,
  type StreamStatistics,
} from './preview-stream';
export { type ReadStepsOptions, readLatentSteps, type StepSource } from './read-steps';
export type { ImageStep, StreamFrame, StreamPreviewer } from './show-frame';
export type { Content, WireType } from './wire';
