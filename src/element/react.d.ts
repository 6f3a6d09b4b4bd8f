// Types alone: <latent-preview> in the JSX of React 19. `import type {} from 'latent-preview/element/react'` is enough.

import type { DetailedHTMLProps, HTMLAttributes } from 'react';
import type { LatentPreviewElement, LatentPreviewProps } from './index';

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'latent-preview': DetailedHTMLProps<HTMLAttributes<LatentPreviewElement>, LatentPreviewElement> &
        LatentPreviewProps;
    }
  }
}
