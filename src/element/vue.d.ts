// Types alone: <latent-preview> in Vue's templates. `import type {} from 'latent-preview/element/vue'` is enough.

import type { HTMLAttributes, PublicProps } from 'vue';
import type { LatentPreviewEventMap, LatentPreviewProps, PreviewEventName } from './index';

declare module 'vue' {
  interface GlobalComponents {
    'latent-preview': new () => {
      $props: PublicProps &
        Omit<HTMLAttributes, 'onLoad' | 'onProgress' | 'onError'> &
        Omit<LatentPreviewProps, `on${PreviewEventName}`> & {
          readonly [Name in PreviewEventName as `on${Capitalize<Name>}`]?: (event: LatentPreviewEventMap[Name]) => void;
        };
    };
  }
}
