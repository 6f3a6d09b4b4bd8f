// Maps as files: JSON, or safetensors with the coefficients as float32 and all else as JSON in its metadata.

import { type LatentMap, latentMap, mapFeatures } from '../decoders/latent-map';
import { LatentPreviewError } from '../errors';

const tensorName = 'coefficients';
const metadataName = 'latent_map';

/**
 * A map's file: `json` (default) is readable, `safetensors` a third of its size. Both hold every number exactly.
 * @throws LatentPreviewError `weights` where the map is not one
 */
export function writeLatentMap(map: LatentMap, type: 'json' | 'safetensors' = 'json'): Uint8Array<ArrayBuffer> {
  latentMap(map);
  const encoder = new TextEncoder();
  if (type === 'json') return encoder.encode(`${JSON.stringify(map)}\n`);
  const { coefficients, ...rest } = map;
  const data = Float32Array.from(coefficients);
  const features = mapFeatures(map);
  const header = JSON.stringify({
    __metadata__: { [metadataName]: JSON.stringify(rest) },
    [tensorName]: { dtype: 'F32', shape: [data.length / features, features], data_offsets: [0, data.byteLength] },
  });
  // Spaces, so that the numbers start at a multiple of eight bytes.
  const headerBytes = encoder.encode(header);
  const length = Math.ceil(headerBytes.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + data.byteLength).fill(0x20, 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  bytes.set(headerBytes, 8);
  for (const [k, value] of data.entries()) view.setFloat32(8 + length + 4 * k, value, true);
  return bytes;
}

/**
 * The map in a file that `writeLatentMap` made, told by its first bytes.
 * @throws LatentPreviewError `file` (neither JSON nor safetensors), `weights` (not a map, or not a whole one)
 */
export async function readLatentMap(bytes: Uint8Array): Promise<LatentMap> {
  // A header's length fills eight bytes and ends in zeros; JSON has none.
  const map = bytes[7] === 0 ? await fromSafetensors(bytes) : fromJson(bytes);
  latentMap(map);
  return map;
}

function fromJson(bytes: Uint8Array | string): LatentMap {
  try {
    return JSON.parse(typeof bytes === 'string' ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new LatentPreviewError('file', 'latent map: the bytes are neither JSON nor a safetensors file', { cause });
  }
}

async function fromSafetensors(bytes: Uint8Array): Promise<LatentMap> {
  const { readTensorFile } = await import('../files/index');
  const { tensors, metadata } = readTensorFile(bytes);
  const tensor = tensors.get(tensorName);
  const rest = metadata.get(metadataName);
  if (tensor?.dtype !== 'float32' || rest === undefined)
    throw new LatentPreviewError(
      'weights',
      `latent map: the file has no float32 tensor '${tensorName}' with metadata '${metadataName}'; it is not one of ` +
        'writeLatentMap',
    );
  // The nine digits that JSON files have: the same map from either.
  return { ...fromJson(rest), coefficients: Array.from(tensor.data, (value) => Number(value.toPrecision(9))) };
}
