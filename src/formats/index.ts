// Every latent format that this package can give away under its own licence, and how to find one.
// The bare id of a family (`sdxl`) carries the map that did best on photos; each published map also has an id of its
// own (`sdxl/sdnext`), which does not change when a better default appears.

import { LatentPreviewError } from '../errors';
import { cogvideoFormats } from './cogvideo';
import { cogviewFormats } from './cogview';
import { cosmosFormats } from './cosmos';
import { dcAeFormats } from './dc-ae';
import { fluxFormats } from './flux';
import { flux2Formats } from './flux2';
import type { LatentFormat } from './format';
import { hunyuanFormats } from './hunyuan';
import { ideogram4Formats } from './ideogram4';
import { kandinskyFormats } from './kandinsky';
import { ltxFormats } from './ltx';
import { minimaxFormats } from './minimax';
import { mochiFormats } from './mochi';
import { nearestNames } from './nearest';
import { otherVideoFormats } from './other-video';
import { pixelFormats } from './pixel';
import { qwenFormats } from './qwen';
import { recordById } from './record';
import { sd3Formats } from './sd3';
import { sd15Formats, sdX4Formats } from './sd15';
import { playground25Formats, sdxlFormats } from './sdxl';
import { seedvrFormats } from './seedvr';
import { stableCascadeFormats } from './stable-cascade';
import { validateFormat } from './validate';
import { mingImageFormats, wan21Formats, wan22Formats } from './wan';

/**
 * The latent formats by id: `formats.sdxl`, `formats['sdxl/invokeai']`. Frozen, without a prototype, in order of how
 * likely a file is to hold them. Maps under copyleft licences are in `latent-preview/formats/copyleft`.
 */
export const formats: Readonly<Record<string, LatentFormat>> = /* @__PURE__ */ recordById([
  ...sd15Formats,
  ...sdxlFormats,
  ...sd3Formats,
  ...fluxFormats,
  ...flux2Formats,
  ...wan21Formats,
  ...wan22Formats,
  ...qwenFormats,
  ...hunyuanFormats,
  ...ltxFormats,
  ...minimaxFormats,
  ...cogviewFormats,
  ...cogvideoFormats,
  ...cosmosFormats,
  ...mochiFormats,
  ...stableCascadeFormats,
  ...playground25Formats,
  ...sdX4Formats,
  ...kandinskyFormats,
  ...ideogram4Formats,
  ...mingImageFormats,
  ...seedvrFormats,
  ...dcAeFormats,
  ...otherVideoFormats,
  ...pixelFormats,
]);

/**
 * The format that an id or an alias names (in any case), or the given object once it has been checked.
 * @throws LatentPreviewError `format` where the id is unknown (the message lists the nearest) or the object not valid
 */
export function resolveFormat(idOrFormat: string | LatentFormat): LatentFormat {
  if (typeof idOrFormat !== 'string') return validateFormat(idOrFormat);
  const name = idOrFormat.toLowerCase();
  const found = formats[name] ?? Object.values(formats).find(({ aliases }) => aliases?.some((alias) => alias === name));
  if (found) return found;
  const names = Object.values(formats).map(({ id, aliases = [] }) => [id, ...aliases]);
  throw new LatentPreviewError(
    'format',
    `format: no latent format is called '${idOrFormat}'; the nearest are ${nearestNames(name, names).join(', ')}. ` +
      "`Object.keys(formats)` lists all; maps under copyleft licences are in 'latent-preview/formats/copyleft' and " +
      'are passed as objects',
  );
}

/** The families (no alternatives) whose latents have this many channels, unpacked or packed, likeliest first. */
export function formatsWithChannels(channels: number): readonly LatentFormat[] {
  return Object.values(formats).filter(
    (format) =>
      format.id === format.base && (format.channels === channels || format.packing?.packedChannels === channels),
  );
}
