// What templates of frameworks may set on <latent-preview>. Types alone; react.d.ts, vue.d.ts and svelte.d.ts are made of them.

import type { Decoder, LatentFormat } from '../index';
import type { LatentPreviewEventMap } from './events';
import type { LatentsInput } from './wish';

/** The events that are the element's own. */
export type PreviewEventName = 'load' | 'progress' | 'error' | 'devicelost';

type Listeners = {
  readonly [Name in PreviewEventName as `on${Name}`]?: ((event: LatentPreviewEventMap[Name]) => void) | undefined;
};

/** The element's properties, and `onload`, `onprogress`, `onerror`, `ondevicelost` for its events. */
export interface LatentPreviewProps extends Listeners {
  readonly src?: string | undefined;
  readonly latents?: LatentsInput | null | undefined;
  readonly format?: string | LatentFormat | undefined;
  readonly decoder?: string | Decoder | undefined;
  readonly domain?: string | undefined;
  readonly frame?: string | number | undefined;
  readonly upscale?: string | number | undefined;
  readonly backend?: string | undefined;
  readonly device?: GPUDevice | null | undefined;
}
