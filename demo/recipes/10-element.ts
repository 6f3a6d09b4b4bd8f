import 'latent-preview/element/define';

/** Every message is one denoising step: float16 latents (1, 4, 128, 128). The element shows the newest. */
export function previewSteps(socket: WebSocket): HTMLElement {
  const preview = Object.assign(document.createElement('latent-preview'), { format: 'sdxl', upscale: 'image' });
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => {
    preview.latents = { data: new Uint16Array(data), shape: [1, 4, 128, 128], dtype: 'float16' };
  };
  return preview;
}
