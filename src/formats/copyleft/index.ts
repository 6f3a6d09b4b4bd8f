// Maps that are published only under copyleft or custom licences, or none: an entry point of its own, so that nobody
// ships them without asking for them. Each entry's `source.licence` says which; the core imports nothing from here.

import type { LatentFormat } from '../format';
import { recordById } from '../record';
import { a1111Formats } from './a1111';
import { comfyuiImageFormats } from './comfyui-images';
import { comfyuiVideoFormats } from './comfyui-video';
import { drawThingsFormats } from './draw-things';
import { keturnFormats } from './keturn';
import { kjnodesFormats } from './kjnodes';
import { wan2gpFormats } from './wan2gp';

/**
 * The formats by id: `createPreviewer({ format: copyleftFormats['hunyuanvideo/comfyui'] })`.
 * Frozen, without a prototype.
 */
export const copyleftFormats: Readonly<Record<string, LatentFormat>> = /* @__PURE__ */ recordById([
  ...comfyuiImageFormats,
  ...comfyuiVideoFormats,
  ...kjnodesFormats,
  ...wan2gpFormats,
  ...drawThingsFormats,
  ...a1111Formats,
  ...keturnFormats,
]);
