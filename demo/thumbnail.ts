// Small pictures of an entry's latents for tiles. On the CPU: a tile has fewer pixels than it costs to ask a GPU.

import { createPreviewer, linear } from '../src/index';
import type { DecoderChoice } from './decoders';
import { latentsOf, viewOf } from './entry';
import type { Entry } from './state';

/** CSS pixels of a tile's longer side. */
const largest = 96;

/** Of latents with more pixels than these, the family's table is drawn instead of its fitted map, which takes ten times as long. */
const many = 96 * 96;

/** @throws where the latents' shape does not fit the choice's format */
export async function drawThumbnail(canvas: HTMLCanvasElement, choice: DecoderChoice, entry: Entry): Promise<void> {
  const { format, group } = choice;
  const view = viewOf(entry, format) ?? { width: largest, height: largest };
  const light = group === 'fitted' && format.latentRgbFactors && view.width * view.height > many;
  const decoder = (light ? undefined : choice.decoder) ?? linear(format);
  const size = tileSize(view);
  const previewer = await createPreviewer({ format, decoder, backend: 'cpu' });
  try {
    const { item, frame } = entry.position;
    await previewer.toCanvas(latentsOf(entry), canvas, { item, frame, size });
  } finally {
    previewer.destroy();
  }
}

/** As large as a tile shows, not larger than the latents. */
export function tileSize({ width, height }: { readonly width: number; readonly height: number }): {
  readonly width: number;
  readonly height: number;
} {
  const scale = Math.min(1, largest / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
