// A packet of the wire format → latents and what the sender says of the step.

import { inflate } from '../files/inflate';
import type { LatentFormat } from '../formats/format';
import { resolveFormat } from '../formats/index';
import { describeLatents, type Latents } from '../latents';
import { elementCount, itemSize, type Tensor, tensorFromBytes } from '../tensor';
import { type Content, defaultMaxBytes, type PacketHeader, readHeader, type WireType } from './wire';

/** One denoising step as it came in. */
export interface LatentStep {
  /** With the sender's format where this package knows it, its domain, layout and size; what else it says as metadata. */
  readonly latents: Latents;
  /** How many steps are done; 0: none, or not counted. */
  readonly step: number;
  /** How many there will be; undefined where the sender does not say. */
  readonly steps: number | undefined;
  readonly timestep: number | undefined;
  readonly sigma: number | undefined;
  /** Noisy latents (`sample`) or the prediction of the clean ones (`x0`); undefined where the sender does not say. */
  readonly content: Content | undefined;
  /** The sender's format id, known here or not. */
  readonly formatId: string | undefined;
  /** Where a batch is sent in part: the tensor's first item, and how many there are in all. */
  readonly items: { readonly first: number; readonly total: number | undefined };
  /** Where a video is sent in part: the tensor's frame k is the video's latent frame first + k · stride, of `total`. */
  readonly frames: { readonly first: number; readonly stride: number; readonly total: number | undefined };
  /** As the numbers came. */
  readonly dtype: WireType;
  /** Bytes of the packet as it came. */
  readonly bytes: number;
  /** Packets before it that were dropped because nobody had read them; see `readLatentSteps`. */
  readonly missed: number;
}

export interface DecodeOptions {
  /** What one packet's numbers may take in memory, in bytes; default 256 MiB. */
  readonly maxBytes?: number;
}

/**
 * Exactly one packet. Floats of 16 bits stay packed; `uint8` becomes float32, (byte / 255 − 0.5) · 6.
 * @throws LatentPreviewError `file` (as a rejection) where a byte of it is wrong, named in the message
 */
export async function decodeLatents(
  packet: ArrayBuffer | ArrayBufferView,
  { maxBytes = defaultMaxBytes }: DecodeOptions = {},
): Promise<LatentStep> {
  const bytes = ArrayBuffer.isView(packet)
    ? new Uint8Array(packet.buffer as ArrayBuffer, packet.byteOffset, packet.byteLength)
    : new Uint8Array(packet);
  const header = readHeader(bytes, maxBytes);
  const { headerBytes, packetBytes, dtype, deflated, shape, step, steps, timestep, sigma, content } = header;
  const payload = bytes.subarray(headerBytes);
  const length = elementCount(shape) * itemSize(dtype);
  const numbers = deflated ? await inflate(payload, 'deflate', length, 'packet') : payload;
  const formatId = header.text.get('format');
  return {
    latents: describe(dtype === 'uint8' ? widen(numbers, header) : tensorFromBytes(numbers, dtype, shape), header),
    step,
    steps,
    timestep,
    sigma,
    content,
    formatId,
    items: header.items,
    frames: header.frames,
    dtype,
    bytes: packetBytes,
    missed: 0,
  };
}

function describe(tensor: Tensor, { domain, layout, size, text }: PacketHeader): Latents {
  const format = knownFormat(text.get('format'));
  const described = describeLatents(tensor, {
    ...(format ? { format } : {}),
    ...(domain ? { domain } : {}),
    ...(layout ? { layout } : {}),
    ...(size ? { size } : {}),
  });
  return { ...described, ...(domain ? { domainFrom: 'file' as const } : {}), metadata: text };
}

/** A sender may have formats of its own, and newer ones. */
function knownFormat(id: string | undefined): LatentFormat | undefined {
  if (id === undefined || id.length > 100) return undefined;
  try {
    return resolveFormat(id);
  } catch {
    return undefined;
  }
}

function widen(bytes: Uint8Array, { shape }: PacketHeader): Tensor {
  const data = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) data[i] = (bytes[i] / 255 - 0.5) * 6;
  return { dtype: 'float32', shape, data };
}
