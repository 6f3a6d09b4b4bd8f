import { createPreviewer, loadLatents } from 'latent-preview';

/** Plays the latent frames of a clip (N, C, T, H, W) in a loop until `signal` aborts. */
export async function playClip(file: File | string, canvas: HTMLCanvasElement, signal: AbortSignal): Promise<void> {
  const latents = await loadLatents(file, { format: 'wan21', signal });
  const previewer = await createPreviewer({ format: 'wan21' });
  const frames = latents.tensor.shape[2] ?? 1;
  for (let frame = 0; !signal.aborted; frame = (frame + 1) % frames) {
    await previewer.toCanvas(latents, canvas, { frame });
    await new Promise((resolve) => setTimeout(resolve, 250)); // Wan: 4 video frames a latent frame, 16 a second
  }
  previewer.destroy();
}
