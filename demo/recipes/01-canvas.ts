import { createPreviewer, loadLatents } from 'latent-preview';

export async function showFile(file: File | string, canvas: HTMLCanvasElement): Promise<void> {
  const latents = await loadLatents(file); // .npy, .npz, .safetensors, .pt, ComfyUI's .latent
  const previewer = await createPreviewer({ format: 'sdxl' }); // on the GPU, or the CPU where there is none
  await previewer.toCanvas(latents, canvas);
  previewer.destroy();
}
