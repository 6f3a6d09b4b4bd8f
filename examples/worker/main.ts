// A previewer in a worker: the page stays free, whatever is decoded. Bundlers carry the worker's file along.

import { loadLatents } from 'latent-preview';
import { createWorkerPreviewer } from 'latent-preview/worker';

const [canvas, said] = [document.querySelector('canvas'), document.getElementById('said')];
if (canvas && said) {
  const previewer = await createWorkerPreviewer({ format: 'sd15' });
  await previewer.toCanvas(await loadLatents('/latents.npy'), canvas, { transfer: true });
  said.textContent = `drawn in a worker, ${previewer.decoder.name}`;
}
