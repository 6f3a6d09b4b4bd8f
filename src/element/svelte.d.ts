// Types alone: <latent-preview> in Svelte's markup. `import type {} from 'latent-preview/element/svelte'` is enough.

import type { HTMLAttributes } from 'svelte/elements';
import type { LatentPreviewElement, LatentPreviewProps } from './index';

declare module 'svelte/elements' {
  interface SvelteHTMLElements {
    'latent-preview': Omit<HTMLAttributes<LatentPreviewElement>, keyof LatentPreviewProps> & LatentPreviewProps;
  }
}
