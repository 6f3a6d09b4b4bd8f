// The numbers of one channel after the other, in place: every dtype, layout and packing, as stored, in whatever domain they
// are. What is made of them is in the other files of this folder.

import { LatentPreviewError } from '../errors';
import type { LatentFormat } from '../formats/format';
import { resolveFormat } from '../formats/index';
import type { Latents, Layout } from '../latents';
import { type Tensor, toFloat32 } from '../tensor';
import { elementIndex, type LatentView, type Selection, viewLatents } from '../view';

/** How latents are read. */
export interface ReadOptions {
  /**
   * A format's id or object. Default: the latents' own; where nobody has said one, axes are taken in their usual order
   * (N, C, T, H, W) and channels as they lie, packed ones too.
   */
  readonly format?: string | LatentFormat;
}

/** Which of a batch's or clip's pictures are looked at. */
export interface SelectOptions extends ReadOptions {
  /** One item of a batch. Default: all. */
  readonly item?: number;
  /** One latent frame of a clip, of every item unless that is given too. Default: all. */
  readonly frame?: number;
}

/** Latents in CPU memory, and how they are read. */
export interface OpenLatents {
  readonly tensor: Tensor;
  /** One entry per element: halves widened, the rest, doubles too, as they are. */
  readonly values: ArrayLike<number>;
  readonly view: LatentView;
}

/** @throws LatentPreviewError `shape` where they lie in GPU memory or do not fit the format, `format` */
export function openLatents(latents: Latents, { format = latents.format }: ReadOptions): OpenLatents {
  const tensor = tensorInMemory(latents);
  const view = viewLatents(latents, format === undefined ? asStored(latents) : resolveFormat(format));
  return { tensor, values: numbersOf(tensor), view };
}

/** @throws LatentPreviewError `shape` */
export function tensorInMemory({ tensor }: Latents): Tensor {
  if ('buffer' in tensor)
    throw new LatentPreviewError(
      'shape',
      'channels: the latents lie in a GPU buffer; copy it to memory and pass them as latentsFromArray(…)',
    );
  return tensor;
}

export const numbersOf = (tensor: Tensor): ArrayLike<number> =>
  tensor.dtype === 'float16' || tensor.dtype === 'bfloat16' ? toFloat32(tensor) : tensor.data;

const usualLayouts: Readonly<Record<number, Layout>> = { 2: 'LC', 3: 'CHW', 4: 'NCHW', 5: 'NCTHW' };

/** A format that says no more than the axes do. */
function asStored({ tensor: { shape }, layout = usualLayouts[shape.length] }: Latents): LatentFormat {
  const channels = shape[layout?.indexOf('C') ?? 0] ?? 0;
  const tokens = { patch: 1, packedChannels: channels, layouts: ['tokens'] } as const;
  return {
    ...{ id: 'stored', name: 'As stored', base: 'stored', channels, spatialDownscale: 1 },
    dims: layout?.includes('T') ? 3 : 2,
    ...(layout?.includes('L') ? { packing: tokens } : {}),
    source: { repo: 'latent-preview', licence: 'MIT' },
  };
}

/** Calls `see` with every number of an unpacked channel in these items and frames, row by row. */
export function eachNumber(
  { values, view }: OpenLatents,
  channel: number,
  selections: readonly Selection[],
  see: (value: number) => void,
): void {
  const { rows, columns } = offsets(view);
  for (const { item, frame } of selections) {
    const base = item * view.strides.item + frame * view.strides.frame + elementIndex(view, channel, 0, 0);
    for (let y = 0; y < rows.length; y++)
      for (let x = 0; x < columns.length; x++) see(values[base + rows[y] + columns[x]]);
  }
}

const known = new WeakMap<LatentView, { readonly rows: readonly number[]; readonly columns: readonly number[] }>();

/** A place is its row's offset and its column's: worked out once, as packing takes divisions. */
function offsets(view: LatentView) {
  let found = known.get(view);
  if (!found) {
    found = {
      rows: Array.from({ length: view.height }, (_, y) => elementIndex(view, 0, y, 0)),
      columns: Array.from({ length: view.width }, (_, x) => elementIndex(view, 0, 0, x)),
    };
    known.set(view, found);
  }
  return found;
}
