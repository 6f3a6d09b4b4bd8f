import type { Previewer } from 'latent-preview';
import { readA1111Steps } from 'latent-preview/adapters/a1111';
import { readComfyuiSteps } from 'latent-preview/adapters/comfyui';
import { loadTensorBinary } from 'latent-preview/adapters/diffusers';
import { readInvokeaiSteps } from 'latent-preview/adapters/invokeai';
import { latentsFromOrt, type OrtTensor } from 'latent-preview/adapters/onnxruntime';
import { latentsFromTfjs, type TfjsTensor } from 'latent-preview/adapters/tfjs';
import { latentsFromTransformers, type TransformersTensor } from 'latent-preview/adapters/transformers';
import { createPreviewStream, type StreamFrame } from 'latent-preview/stream';

/** onnxruntime-web, in place. Its session first, then createPreviewer({ format, device: await ort.env.webgpu.device }). */
export async function showOrt(previewer: Previewer, canvas: HTMLCanvasElement, tensor: OrtTensor): Promise<void> {
  await previewer.toCanvas(latentsFromOrt(tensor), canvas); // tensor.dispose() after this, not before
}

/** transformers.js, the same: createPreviewer({ format, device: await env.backends.onnx.webgpu.device }). */
export async function showTransformers(previewer: Previewer, canvas: HTMLCanvasElement, tensor: TransformersTensor) {
  await previewer.toCanvas(latentsFromTransformers(tensor), canvas);
}

/** TensorFlow.js: createPreviewer({ format, device: tf.backend().device }). */
export async function showTfjs(previewer: Previewer, canvas: HTMLCanvasElement, tensor: TfjsTensor): Promise<void> {
  const { latents, release } = await latentsFromTfjs(tensor, { layout: 'NHWC' });
  await previewer.toCanvas(latents, canvas).finally(release);
}

/** diffusers' `tensor/binary`, as its remote VAEs answer. */
export async function showRemote(previewer: Previewer, canvas: HTMLCanvasElement, answer: Response): Promise<void> {
  await previewer.toCanvas(await loadTensorBinary(answer), canvas);
}

/** The previews of other UIs' servers; of ComfyUI latents too, where it has the node of examples/comfyui. */
export const servers = {
  comfyui: () => readComfyuiSteps('ws://127.0.0.1:8188/ws?clientId=me'),
  a1111: () => readA1111Steps('http://127.0.0.1:7860'),
  invokeai: () => readInvokeaiSteps('http://127.0.0.1:9090'),
};

/** Shows them as they come, `image` or `latents`: showServer(previewer, canvas, servers.comfyui()). */
export async function showServer(previewer: Previewer, canvas: HTMLCanvasElement, steps: AsyncIterable<StreamFrame>) {
  const stream = createPreviewStream(previewer, canvas, { size: 'image' });
  await stream.pipe(steps).finally(() => stream.destroy());
}
