// The mini decoders that this project trained, by format: what a previewer uses where it is fast enough. The weights are
// files beside the modules, in weights/, each loaded when it is asked for.

import type { Decoder } from '../decoders/decoder';
import { mini } from '../decoders/mini';
import { readWeights } from '../download/index';
import { LatentPreviewError } from '../errors';
import type { LoadOptions } from '../source';

type Load = (options?: LoadOptions) => Promise<Decoder>;

// Written out one by one: bundlers carry what they find in `new URL('…', import.meta.url)`.
const places: Readonly<Record<string, () => URL>> = {
  sd15: () => new URL('../../weights/mini-sd15.safetensors', import.meta.url),
  sdxl: () => new URL('../../weights/mini-sdxl.safetensors', import.meta.url),
  sd3: () => new URL('../../weights/mini-sd3.safetensors', import.meta.url),
  flux: () => new URL('../../weights/mini-flux.safetensors', import.meta.url),
  flux2: () => new URL('../../weights/mini-flux2.safetensors', import.meta.url),
};

/**
 * How to load the mini decoder of a family, by its format's id: `await minis.sdxl({ signal })`, for `createPreviewer`. At
 * most 200 kB each. Frozen, without a prototype. Calls that load the same one at the same time share one download.
 * Rejects with a LatentPreviewError `file` where the weights are not to be had, or with the signal's reason.
 */
export const minis: Readonly<Record<string, Load>> = /* @__PURE__ */ Object.freeze(
  /* @__PURE__ */ Object.assign<Record<string, Load>, Record<string, Load>>(
    /* @__PURE__ */ Object.create(null),
    /* @__PURE__ */ Object.fromEntries(
      /* @__PURE__ */ Object.entries(places).map(([id, place]) => [id, (options) => loadMini(id, place(), options)]),
    ),
  ),
);

async function loadMini(id: string, url: URL, options: LoadOptions = {}): Promise<Decoder> {
  const weights = await readWeights(url, options).catch((cause: unknown) => {
    options.signal?.throwIfAborted();
    throw new LatentPreviewError(
      'file',
      `mini: the weights of '${id}' could not be loaded from ${url}; they are part of the package, in dist/weights: serve ` +
        "them beside its modules, or use decoder 'map'",
      { cause },
    );
  });
  return { ...mini(weights), name: `mini ${id}`, format: id };
}
