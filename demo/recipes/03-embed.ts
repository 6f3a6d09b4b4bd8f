import { latentsFromBuffer, type Previewer } from 'latent-preview';

/** `previewer` was made with your device: createPreviewer({ format: 'sd3', device }). Nothing is copied or submitted. */
export function drawLatents(previewer: Previewer, encoder: GPUCommandEncoder, buffer: GPUBuffer): GPUTexture {
  const latents = latentsFromBuffer(buffer, { shape: [1, 16, 128, 128], dtype: 'float16', offset: 0 });
  return previewer.record(encoder, latents); // rgba8unorm, 256 × 256, yours to sample after this encoder's work
}
