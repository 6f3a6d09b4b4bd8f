// Registers <latent-preview>: `import 'latent-preview/element/define'`, or as the source of a module script.

import { defineLatentPreview, LatentPreviewElement } from './index';

defineLatentPreview();

export { LatentPreviewElement };
