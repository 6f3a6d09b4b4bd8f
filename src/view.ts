// How latents are read: which axis is which, where a packed pixel's channels are, what brings one domain to the other.
// Packing and layouts are addressing, not copies; the domain conversion is the one affine map made here. The kernels and the
// CPU path both read through a LatentView.

import { LatentPreviewError } from './errors';
import type { Domain, LatentFormat } from './formats/format';
import { formatsWithChannels } from './formats/index';
import type { Latents, Layout } from './latents';
import { elementCount, formatShape, type Shape } from './tensor';

/**
 * How to read one format's latents out of a tensor. The element of item i, frame t, unpacked channel c, row y, column x is
 * at item·i + frame·t + channel·c + row·⌊y/p⌋ + column·⌊x/p⌋ + patchRow·(y mod p) + patchColumn·(x mod p), p = patch.
 */
export interface LatentView {
  readonly items: number;
  readonly frames: number;
  /** Unpacked. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly patch: number;
  readonly strides: {
    readonly item: number;
    readonly frame: number;
    readonly channel: number;
    readonly row: number;
    readonly column: number;
    readonly patchRow: number;
    readonly patchColumn: number;
  };
}

/** Where unpacked channel c, row y, column x of the first item and frame is. */
export function elementIndex({ patch, strides }: LatentView, c: number, y: number, x: number): number {
  const [dy, dx] = [y % patch, x % patch];
  return (
    c * strides.channel +
    ((y - dy) / patch) * strides.row +
    ((x - dx) / patch) * strides.column +
    dy * strides.patchRow +
    dx * strides.patchColumn
  );
}

const layoutsByRank: Record<number, readonly Layout[]> = {
  2: ['LC'],
  3: ['CHW', 'NLC', 'HWC'],
  4: ['NCHW', 'CTHW', 'TCHW', 'NHWC'],
  5: ['NCTHW', 'NTCHW'],
};

/** Channels last is taken only where it is asked for: a picture four pixels wide would look like it. */
const askedFor: readonly Layout[] = ['HWC', 'NHWC'];

/** The layouts in which a shape can hold a format's latents, likeliest first. */
export function fittingLayouts(
  shape: Shape,
  { channels, dims, packing }: LatentFormat,
  given?: Layout,
): readonly Layout[] {
  const layouts = given ? [given] : (layoutsByRank[shape.length] ?? []).filter((layout) => !askedFor.includes(layout));
  return layouts.filter((layout) => {
    const found = shape[layout.indexOf('C')];
    if (layout.length !== shape.length) return false;
    if (layout.includes('L')) return packing?.layouts.includes('tokens') && found === packing.packedChannels;
    if (layout.includes('T') && dims !== 3) return false;
    return found === channels || (packing?.layouts.includes('channels') && found === packing.packedChannels);
  });
}

/** Rows and columns of a packed picture of `tokens` tokens: the given size, or the most square pair, landscape first. */
function tokenGrid(tokens: number, patch: number, size: Latents['size']): { height: number; width: number } {
  if (size) {
    if (size.height * size.width !== tokens * patch * patch)
      throw new LatentPreviewError(
        'shape',
        `latents: ${tokens} tokens of ${patch}×${patch} latent pixels cannot be ${size.height}×${size.width}; ` +
          `height × width must be ${tokens * patch * patch}`,
      );
    return size;
  }
  let rows = Math.floor(Math.sqrt(tokens));
  while (rows > 1 && tokens % rows !== 0) rows--;
  return { height: rows * patch, width: (tokens / rows) * patch };
}

/**
 * How `format` reads these latents.
 * @throws LatentPreviewError `shape` where the shape does not fit the format; the message names formats that fit
 */
export function viewLatents({ tensor, layout: given, size }: Latents, format: LatentFormat): LatentView {
  const { shape } = tensor;
  const { channels, packing } = format;
  const [layout] = fittingLayouts(shape, format, given);
  if (!layout) throw new LatentPreviewError('shape', misfit(shape, given, format));
  if (elementCount(shape) === 0)
    throw new LatentPreviewError('shape', `latents: shape ${formatShape(shape)} has no elements`);

  const axis = (letter: string): { length: number; stride: number } => {
    const index = layout.indexOf(letter);
    if (index < 0) return { length: 1, stride: 0 };
    return { length: shape[index], stride: shape.slice(index + 1).reduce((product, n) => product * n, 1) };
  };
  const [item, frame, channel] = [axis('N'), axis('T'), axis('C')];
  const patch = packing?.patch ?? 1;
  // Steps between packed channels: to the next channel, and to the next row and column of the patch.
  const packed =
    packing?.order === 'patch'
      ? { channel: 1, patchRow: patch * channels, patchColumn: channels }
      : { channel: patch * patch, patchRow: patch, patchColumn: 1 };
  const common = { items: item.length, frames: frame.length, channels, patch };

  if (layout.includes('L')) {
    const token = axis('L');
    const grid = tokenGrid(token.length, patch, size);
    return {
      ...common,
      ...grid,
      strides: {
        item: item.stride,
        frame: 0,
        row: (grid.width / patch) * token.stride,
        column: token.stride,
        ...packed,
      },
    };
  }
  const [row, column] = [axis('H'), axis('W')];
  const strides = { item: item.stride, frame: frame.stride };
  // An unpacked tensor of a packed family is read in patches too: its statistics are per packed channel.
  if (channel.length === channels)
    return {
      ...common,
      height: row.length,
      width: column.length,
      strides: {
        ...strides,
        channel: channel.stride,
        row: row.stride * patch,
        column: column.stride * patch,
        patchRow: row.stride,
        patchColumn: column.stride,
      },
    };
  return {
    ...common,
    height: row.length * patch,
    width: column.length * patch,
    strides: {
      ...strides,
      row: row.stride,
      column: column.stride,
      channel: packed.channel * channel.stride,
      patchRow: packed.patchRow * channel.stride,
      patchColumn: packed.patchColumn * channel.stride,
    },
  };
}

function misfit(shape: Shape, given: Layout | undefined, { id, channels, packing }: LatentFormat): string {
  const wanted = packing ? `${channels} (or ${packing.packedChannels} packed)` : `${channels}`;
  const ranks = Object.keys(layoutsByRank);
  if (!(shape.length in layoutsByRank))
    return `latents: shape ${formatShape(shape)} has ${shape.length} axes; latents have ${ranks.join(', ')}`;
  const layout = given ?? (layoutsByRank[shape.length]?.[0] as Layout);
  if (layout.length !== shape.length)
    return `latents: layout '${layout}' has ${layout.length} axes, shape ${formatShape(shape)} has ${shape.length}`;
  const found = shape[layout.indexOf('C')];
  const others = formatsWithChannels(found).map((format) => format.id);
  return (
    `latents: shape ${formatShape(shape)} read as ${layout} has ${found} channels, format '${id}' has ${wanted}; ` +
    (others.length > 0
      ? `formats with ${found}: ${others.slice(0, 8).join(', ')}${others.length > 8 ? ', …' : ''}`
      : '') +
    (others.length > 0 ? '; ' : '') +
    `pass \`format\`, or \`layout\` if the axes are in another order`
  );
}

/**
 * The affine map per channel that brings latents from one domain to the other: value × gain + offset.
 * Entry (c·p² + (y mod p)·p + (x mod p)) × 2 is the gain, the next the offset, for unpacked channel c.
 * @param frame the latent frame, for families whose statistics differ by frame
 */
export function domainMap(format: LatentFormat, from: Domain, to: Domain, patch: number, frame: number): Float32Array {
  const { channels, scalingFactor = 1, shiftFactor = 0, latentsMean, latentsStd, packing } = format;
  const inner = patch * patch;
  const map = new Float32Array(channels * inner * 2);
  const statistic = (values: LatentFormat['latentsMean'], k: number, none: number): number => {
    if (!values) return none;
    const channel = Math.floor(k / inner);
    const packed = packing?.order === 'patch' ? (k % inner) * channels + channel : k;
    const entry = values[values.length === channels * inner ? packed : channel];
    return typeof entry === 'object' ? (entry[Math.min(frame, entry.length - 1)] ?? none) : (entry ?? none);
  };
  for (let k = 0; k < channels * inner; k++) {
    let gain = 1;
    let offset = 0;
    if (from !== to) {
      const std = statistic(latentsStd, k, 1);
      const centre = shiftFactor + statistic(latentsMean, k, 0);
      gain = to === 'model' ? scalingFactor / std : std / scalingFactor;
      offset = to === 'model' ? -centre * gain : centre;
    }
    map[k * 2] = gain;
    map[k * 2 + 1] = offset;
  }
  return map;
}

/** One picture's latents. */
export interface Selection {
  readonly item: number;
  readonly frame: number;
}

/** Every item and frame, item by item, or those of the given item, or that frame of every item. */
export function selectFrames(view: LatentView, { item, frame }: Partial<Selection>): Selection[] {
  const all = (count: number, given?: number): number[] => (given === undefined ? [...Array(count).keys()] : [given]);
  return all(view.items, item).flatMap((i) =>
    all(view.frames, frame).map((t) => selectFrame(view, { item: i, frame: t })),
  );
}

/**
 * Checks `{ item, frame }` against a view.
 * @param frame default: the middle frame, as the first one of causal video VAEs is washed out
 * @throws LatentPreviewError `shape`
 */
export function selectFrame(
  view: LatentView,
  { item = 0, frame = Math.floor(view.frames / 2) }: Partial<Selection>,
): Selection {
  for (const [name, index, count] of [
    ['item', item, view.items],
    ['frame', frame, view.frames],
  ] as const)
    if (!Number.isInteger(index) || index < 0 || index >= count)
      throw new LatentPreviewError(
        'shape',
        `latents: ${name} ${index} is out of range; there are ${count} (0 to ${count - 1})`,
      );
  return { item, frame };
}
