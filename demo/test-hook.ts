// What browser tests may rely on. Not part of the library.
//
// - `<main aria-busy="false">`: no file is being read.
// - `#stage[data-state]`: `empty`, `decoding`, `shown` or `error`; set to `decoding` before the action that changed
//   something returns, so waiting for `shown` after it is never too early. `data-entry` is the name of what is shown,
//   `data-count` counts the pictures.
// - `#metrics[data-state]`: `measuring`, `measured` or `none` (no reference).
// - `#fit[data-state]`: `fitting` or `idle`, once a fit was started.
// - `window.latentPreviewDemo.readPixels()`: the decoded picture with the settings on show. A WebGPU canvas cannot be
//   read back reliably after its task, so this decodes again through `previewer.toImageData`. What takes long is not
//   decoded again, and its canvas can be read.

import { frameOf } from './decode';
import type { Pictures } from './pictures';
import type { Store } from './state';

export interface TestHook {
  readPixels(): Promise<{ width: number; height: number; data: Uint8ClampedArray }>;
}

declare global {
  interface Window {
    latentPreviewDemo: TestHook;
  }
}

export function createTestHook(store: Store, pictures: Pictures): void {
  window.latentPreviewDemo = {
    async readPixels() {
      const frame = frameOf(store.state);
      if (!frame) throw new Error('the page shows no picture');
      const { width, height, data } = await pictures.image(frame);
      return { width, height, data };
    },
  };
}
