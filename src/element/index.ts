// `<latent-preview>`, a custom element. Importing this registers nothing; `latent-preview/element/define` does.

import { LatentPreviewElement } from './element';

export type {
  DeviceLostDetail,
  ElementState,
  LatentPreviewEventMap,
  LoadDetail,
  ProgressDetail,
} from './events';
export type { LatentPreviewProps, PreviewEventName } from './props';
export type { ArrayLatents, BufferLatents, LatentsInput } from './wish';
export { LatentPreviewElement };

declare global {
  interface HTMLElementTagNameMap {
    'latent-preview': LatentPreviewElement;
  }
}

/**
 * Registers the element as `latent-preview`. Does nothing where that name is taken, as by another copy of this package, nor
 * on a server.
 */
export function defineLatentPreview(): void {
  const registry = globalThis.customElements;
  if (registry && !registry.get('latent-preview')) registry.define('latent-preview', LatentPreviewElement);
}
