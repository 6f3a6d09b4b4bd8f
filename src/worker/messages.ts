// What page and worker say to each other, all of it plain data. Everything goes over a port of its own, so that a worker of
// the page's may have other messages beside.

import type { Decoder } from '../decoders/decoder';
import { type ErrorCode, LatentPreviewError } from '../errors';
import type { Domain, LatentFormat } from '../formats/format';
import type { Backend } from '../gpu/device';
import type { Precision } from '../gpu/precision';
import type { Latents } from '../latents';
import type { DecoderName, FrameOptions } from '../previewer';

/** The one message that goes to the worker itself. */
export interface Connect {
  readonly latentPreview: 'connect';
  readonly port: MessagePort;
}

/** A decoder without its layers, whose functions cannot be sent. */
export interface DecoderFacts {
  readonly name: string;
  readonly format?: string;
  readonly channels: number;
  readonly domain: Domain;
  readonly upscale: number;
}

/** A decoder with its ops by name. */
export interface SentDecoder extends Omit<Decoder, 'layers'> {
  readonly layers: readonly {
    readonly op: string;
    readonly params: unknown;
    readonly from?: number;
    readonly add?: number;
  }[];
}

export interface SentOptions {
  readonly format: string | LatentFormat;
  readonly decoder?: SentDecoder | DecoderName;
  readonly frameBudget?: number;
  readonly backend?: Backend;
  readonly precision?: 'auto' | Precision;
}

export type SentFrameOptions = Pick<FrameOptions, 'item' | 'frame' | 'size' | 'resample'>;

/** What a decode is asked for, by the previewer's method. */
export type Target =
  | { readonly method: 'toCanvas'; readonly canvas: number }
  | { readonly method: 'toImageData' | 'toImageDatas' | 'toImageBitmap' }
  | { readonly method: 'toBlob'; readonly type?: string; readonly quality?: number };

/** Page to worker. `call` numbers what is answered, `previewer` and `canvas` are numbers that the page gives. */
export type Request =
  | { readonly kind: 'create'; readonly call: number; readonly previewer: number; readonly options: SentOptions }
  | {
      readonly kind: 'decode';
      readonly call: number;
      readonly previewer: number;
      readonly latents: Latents;
      readonly options: SentFrameOptions;
      readonly target: Target;
      /** Whether anybody wants to hear of it. */
      readonly progress: boolean;
    }
  | { readonly kind: 'abort'; readonly call: number }
  | { readonly kind: 'destroy'; readonly previewer: number }
  | { readonly kind: 'canvas'; readonly id: number; readonly canvas: OffscreenCanvas }
  | { readonly kind: 'forget'; readonly id: number };

/** Worker to page. */
export type Answer =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: SentError }
  | { readonly call: number; readonly progress: number };

/** What a created previewer is. */
export interface Created {
  readonly format: LatentFormat;
  readonly decoder: DecoderFacts;
  readonly backend: 'webgpu' | 'cpu';
  readonly precision: Precision;
}

/** A picture's pixels; ImageData itself cannot hand its buffer over. */
export interface SentPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/** An error and its causes. Not every platform's errors can be sent as they are. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly code?: ErrorCode;
  readonly stack?: string;
  readonly cause?: SentError;
}

export function sentError(error: unknown): SentError {
  // Errors of WebGPU have a message and are no Error.
  const { name, message, stack, cause } = Object(error) as Partial<Error>;
  const common = { name: name ?? 'Error', message: message ?? String(error), ...(stack ? { stack } : {}) };
  const code = error instanceof LatentPreviewError ? { code: error.code } : {};
  return { ...common, ...code, ...(cause === undefined ? {} : { cause: sentError(cause) }) };
}

/** The error again, with the worker's stack: of the class that it was of, where that is the library's. */
export function receivedError({ name, message, code, stack, cause }: SentError): Error {
  const options = cause && { cause: receivedError(cause) };
  const error = code ? new LatentPreviewError(code, message, options) : new Error(message, options);
  if (!code) Object.assign(error, { name });
  if (stack) error.stack = stack;
  return error;
}
