// How latents are read: which axis is which, where a packed pixel's channels are, what brings one domain to the other.
// Packing, moments and layouts are addressing, not copies; the domain conversion is the one affine map made here. The
// kernels and the CPU path both read through a LatentView.

import { LatentPreviewError } from './errors';
import type { Domain, LatentFormat } from './formats/format';
import { formatsWithChannels } from './formats/index';
import type { Latents, Layout } from './latents';
import { elementCount, formatShape, type Shape } from './tensor';
import { type TokenGrid, tokenGrids } from './token-grids';

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
  /** As the latents say; where nobody said it, a VAE's moments are raw, all others `model`. */
  readonly domain: Domain;
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
  4: ['NCHW', 'CTHW', 'TCHW', 'NHWC', 'THWC'],
  5: ['NCTHW', 'NTCHW', 'NTHWC'],
};

/** Channels last is taken only where it is asked for: a picture four pixels wide would look like it. */
const askedFor: readonly Layout[] = ['HWC', 'NHWC', 'THWC', 'NTHWC'];

/**
 * The layouts in which a shape can hold a format's latents, likeliest first. Twice the channels, which only a VAE's
 * moments have, come after all others.
 */
export function fittingLayouts(
  shape: Shape,
  { channels, dims, packing }: LatentFormat,
  given?: Layout,
): readonly Layout[] {
  const layouts = given ? [given] : (layoutsByRank[shape.length] ?? []).filter((layout) => !askedFor.includes(layout));
  const fits = (layout: Layout, times: 1 | 2): boolean => {
    const found = shape[layout.indexOf('C')];
    if (layout.length !== shape.length || (layout.includes('T') && dims !== 3)) return false;
    const packed = packing?.layouts.includes(layout.includes('L') ? 'tokens' : 'channels');
    if (times === 1 && packed && found === packing?.packedChannels) return true;
    return found === channels * times && !layout.includes('L');
  };
  return ([1, 2] as const).flatMap((times) => layouts.filter((layout) => fits(layout, times)));
}

/** Frames that so many tokens are where one is height × width latent pixels; undefined where they cannot be. */
export function tokenFrames(
  tokens: number,
  { dims, packing }: LatentFormat,
  { height, width }: TokenGrid,
): number | undefined {
  const patch = packing?.patch ?? 1;
  const frames = (tokens * patch * patch) / (height * width);
  const fits = height % patch === 0 && width % patch === 0 && (dims === 3 ? Number.isInteger(frames) : frames === 1);
  return fits ? frames : undefined;
}

/** Rows, columns and frames of packed pictures of `tokens` tokens in all. */
function tokenGrid(tokens: number, format: LatentFormat, size: Latents['size']) {
  const { dims, packing } = format;
  const patch = packing?.patch ?? 1;
  const grid = size ?? tokenGrids(tokens, patch)[0];
  const { height, width } = grid;
  const frames = tokenFrames(tokens, format, grid);
  if (frames === undefined)
    throw new LatentPreviewError(
      'shape',
      `latents: ${tokens} tokens of ${patch}×${patch} latent pixels cannot be ${height}×${width}; ` +
        `height × width must be ${tokens * patch * patch}${dims === 3 ? ', or a frame of so many' : ''}`,
    );
  return { height, width, frames };
}

/**
 * How `format` reads these latents.
 * @throws LatentPreviewError `shape` where the shape does not fit the format; the message names formats that fit
 */
export function viewLatents(latents: Latents, format: LatentFormat): LatentView {
  const { layout: given, size } = latents;
  const { shape } = latents.tensor;
  const { channels, packing, latentsMean } = format;
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
  const isMoments = channel.length === 2 * channels;
  const domain: Domain = isMoments && latents.domainFrom === 'default' ? 'vae' : latents.domain;
  // An unpacked tensor is read in patches where its statistics are per packed channel.
  const isUnpacked = !layout.includes('L') && (channel.length === channels || isMoments);
  const patch = packing && (!isUnpacked || latentsMean?.length === packing.packedChannels) ? packing.patch : 1;
  // Steps between packed channels: to the next channel, and to the next row and column of the patch.
  const packed =
    packing?.order === 'patch'
      ? { channel: 1, patchRow: patch * channels, patchColumn: channels }
      : { channel: patch * patch, patchRow: patch, patchColumn: 1 };
  const common = { items: item.length, frames: frame.length, channels, patch, domain };

  if (layout.includes('L')) {
    const token = axis('L');
    const grid = tokenGrid(token.length, format, size);
    return {
      ...common,
      ...grid,
      strides: {
        item: item.stride,
        frame: (token.length / grid.frames) * token.stride,
        row: (grid.width / patch) * token.stride,
        column: token.stride,
        ...packed,
      },
    };
  }
  const [row, column] = [axis('H'), axis('W')];
  const strides = { item: item.stride, frame: frame.stride };
  if (isUnpacked)
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
