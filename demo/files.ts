// Files of any kind → what they are: latents, reference images, decoders, or a problem with what would help.
// Kinds are told by content: the library reads latents by their magic bytes, the browser decodes pictures.

import { type DType, LatentPreviewError, listTensors, loadLatents, type Shape } from '../src/index';
import { readDecoder, readMap } from './decoders';
import { errorText } from './dom';
import { type ImportedDecoder, type LatentFile, newId, type Problem, type Reference } from './state';

export interface Opened {
  readonly latents: readonly LatentFile[];
  readonly references: readonly Reference[];
  readonly decoders: readonly ImportedDecoder[];
  readonly problems: readonly Problem[];
}

/** Every file by itself: one that fails does not keep the others from opening. */
export async function readFiles(files: readonly File[]): Promise<Opened> {
  const latents: LatentFile[] = [];
  const references: Reference[] = [];
  const decoders: ImportedDecoder[] = [];
  const problems: Problem[] = [];
  const results = await Promise.all(files.map((file) => readFile(file.name, file)));
  for (const result of results)
    if ('latents' in result) latents.push(result);
    else if ('image' in result) references.push(result);
    else if ('read' in result) decoders.push(result);
    else problems.push(result);
  return { latents, references, decoders, problems };
}

async function readFile(name: string, blob: Blob): Promise<LatentFile | Reference | ImportedDecoder | Problem> {
  try {
    // A map's numbers would pass for latents.
    const map = await readMap(name, blob);
    if (map) return map;
  } catch (error) {
    return problem(name, blob, error);
  }
  try {
    return await readLatents(name, blob);
  } catch (error) {
    const reference = await readReference(name, blob).catch(() => undefined);
    if (reference) return reference;
    try {
      const decoder = await readDecoder(name, blob);
      if (decoder) return decoder;
    } catch (decoderError) {
      return problem(name, blob, decoderError);
    }
    if (/^image\//.test(blob.type)) return problem(name, blob, new Error(brokenImage(blob)));
    return problem(name, blob, error, await tensorsOf(blob));
  }
}

const brokenImage = ({ type, size }: Blob): string =>
  `image: the browser cannot decode these ${size} bytes as ${type}; the file may be cut short, or of another kind: ` +
  'save the reference again as PNG, JPEG or WebP';

/** @throws LatentPreviewError */
export async function readLatents(
  name: string,
  blob: Blob,
  options: { readonly key?: string; readonly shape?: Shape; readonly dtype?: DType } = {},
): Promise<LatentFile> {
  const latents = await loadLatents(blob, options);
  const tensors = options.shape ? [] : await tensorsOf(blob);
  const key = options.key;
  if (latents.tensor.shape.length < 2)
    throw new LatentPreviewError(
      'shape',
      `latents: shape (${latents.tensor.shape.join(', ')}) has too few axes; needed are channels, rows and columns`,
    );
  const { shape, dtype } = options;
  const said = { ...(key === undefined ? {} : { key }), ...(shape ? { raw: { shape, dtype } } : {}) };
  return { name, blob, latents, tensors: tensors.length > 1 ? tensors : [], ...said };
}

/** The file's tensors with data, those first that could be latents; none where it cannot be read. */
async function tensorsOf(blob: Blob): Promise<Problem['tensors']> {
  const tensors = await listTensors(blob).catch(() => []);
  return tensors.filter(({ shape }) => !shape.includes(0)).sort((a, b) => likeness(b) - likeness(a));
}

/** As the library chooses where nobody does. */
const likeness = ({ name, dtype, shape }: Problem['tensors'][number]): number =>
  name === 'latent_tensor' ? 2 : /float/.test(dtype) && shape.length >= 3 && shape.length <= 5 ? 1 : 0;

/** A picture's pixels. Rejects where the browser does not decode it. */
export async function readReference(name: string, blob: Blob): Promise<Reference> {
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { alpha: false, willReadFrequently: true });
  if (!context) throw new Error(`image: ${name} of ${width}×${height} is more than the browser draws`);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { name, image: context.getImageData(0, 0, width, height) };
}

export function problem(name: string, blob: Blob, error: unknown, tensors: Problem['tensors'] = []): Problem {
  const message = errorText(error);
  const raw = /raw numbers/.test(message) || /\.(raw|bin|dat|f16|f32|bf16|tensor)$/i.test(name);
  return {
    id: newId('problem'),
    name,
    message,
    blob,
    help: tensors.length > 1 ? 'tensor' : raw ? 'raw' : 'none',
    tensors,
  };
}
