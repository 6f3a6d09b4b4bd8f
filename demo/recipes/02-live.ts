import { createPreviewer, latentsFromArray } from 'latent-preview';

/** Every message is one denoising step: float16 latents (1, 4, 128, 128), as the sampler has them. */
export function showSteps(socket: WebSocket, canvas: HTMLCanvasElement): void {
  const previewer = createPreviewer({ format: 'sdxl' });
  socket.binaryType = 'arraybuffer';
  socket.onmessage = async ({ data }) => {
    const latents = latentsFromArray(new Uint16Array(data), { shape: [1, 4, 128, 128], dtype: 'float16' });
    await (await previewer).toCanvas(latents, canvas, { size: 'image', resample: 'bicubic' });
  };
  socket.onclose = async () => (await previewer).destroy();
}
