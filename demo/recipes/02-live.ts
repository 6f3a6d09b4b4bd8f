import { createPreviewer } from 'latent-preview';
import { createPreviewStream, readLatentSteps } from 'latent-preview/stream';

/** Shows denoising steps as they come in, until the sender closes the socket. The newest wins where they come too fast. */
export async function showSteps(socket: WebSocket, canvas: HTMLCanvasElement): Promise<void> {
  const steps = readLatentSteps(socket);
  const previewer = await createPreviewer({ format: 'sdxl' });
  const stream = createPreviewStream(previewer, canvas, { size: 'image', resample: 'bicubic' });
  await stream.pipe(steps).finally(() => {
    stream.destroy();
    previewer.destroy();
  });
}
