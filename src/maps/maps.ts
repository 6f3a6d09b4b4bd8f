// The maps that this project fitted, by format: what a previewer uses where no decoder is given. Each loads when asked for.
// The numbers are in weights/, with how they were made.

import type { LatentMap } from '../decoders/latent-map';

type Load = () => Promise<LatentMap>;

// As text: it is smaller than the same numbers as code, and read faster.
const parsed =
  (load: () => Promise<{ readonly default: string }>): Load =>
  async () =>
    JSON.parse((await load()).default);

/**
 * How to load the fitted map of a format, by its id: `latentMap(await maps.sdxl())`. Frozen, without a prototype. How each
 * does beside the published tables is in bench/FIDELITY.md.
 */
export const maps: Readonly<Record<string, Load>> = /* @__PURE__ */ Object.freeze(
  /* @__PURE__ */ Object.assign<Record<string, Load>, Record<string, Load>>(/* @__PURE__ */ Object.create(null), {
    sd15: parsed(() => import('../../weights/sd15.json?raw')),
    sdxl: parsed(() => import('../../weights/sdxl.json?raw')),
    sd3: parsed(() => import('../../weights/sd3.json?raw')),
    flux: parsed(() => import('../../weights/flux.json?raw')),
    flux2: parsed(() => import('../../weights/flux2.json?raw')),
  }),
);
