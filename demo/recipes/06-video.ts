import { createPreviewer, loadLatents } from 'latent-preview';
import { clipTiming } from 'latent-preview/clips';

/** Plays a clip (N, C, T, H, W) at its family's frame rate, in a loop until `signal` aborts. */
export async function playClip(file: File | string, canvas: HTMLCanvasElement, signal: AbortSignal): Promise<void> {
  const latents = await loadLatents(file, { format: 'wan21', signal });
  const previewer = await createPreviewer({ format: 'wan21' });
  const pictures = await previewer.toImageDatas(latents, { item: 0, signal }); // all frames: one upload, one submit
  previewer.destroy();
  const { frames } = clipTiming('wan21', pictures.length); // 16 a second: the first lasts 1/16 s, the others 4/16 s
  [canvas.width, canvas.height] = [pictures[0].width, pictures[0].height];
  for (let frame = 0; !signal.aborted; frame = (frame + 1) % pictures.length) {
    canvas.getContext('2d')?.putImageData(pictures[frame], 0, 0);
    await new Promise((resolve) => setTimeout(resolve, frames[frame].duration * 1000));
  }
}
