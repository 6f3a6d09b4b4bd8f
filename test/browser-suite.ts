// What the browser specs run inside a page: the library and the README's recipes, bundled as one module.

export * from '../demo/recipes/01-canvas';
export * from '../demo/recipes/02-live';
export * from '../demo/recipes/03-embed';
export * from '../demo/recipes/04-guess';
export * from '../demo/recipes/05-compare';
export * from '../demo/recipes/06-video';
export * from '../demo/recipes/07-own-map';
export * from '../demo/recipes/08-fit';
export * from '../demo/recipes/09-steps';
export * from '../demo/recipes/10-element';
export * from '../demo/recipes/11-adapters';
export { readComfyuiSteps } from '../src/adapters/comfyui';
export { latentsFromOrt } from '../src/adapters/onnxruntime';
export { latentsFromTfjs } from '../src/adapters/tfjs';
export { defineLatentPreview, LatentPreviewElement } from '../src/element/index';
export { copyleftFormats } from '../src/formats/copyleft/index';
export * from '../src/index';
export { noise } from '../src/ops/examples';
export * from '../src/stream/index';
