// WebGPU in Node comes from the package `webgpu` (Dawn), which is optional: 60 MB that not everybody wants.

import { type Backend, LatentPreviewError, type Previewer } from '../index';

/** Kept for the life of the process: Dawn crashes when its instance is collected before its devices. */
let provided: { missing?: string } | undefined;

/**
 * Makes `navigator.gpu` where the runtime has none.
 * @throws LatentPreviewError `gpu-unavailable` for backend `webgpu` where the package or an adapter is missing
 */
export async function provideWebGpu(backend: Backend): Promise<void> {
  if (backend === 'cpu') return;
  provided ??= await provide();
  if (backend !== 'webgpu') return;
  // Asked once here, in this runtime's words, and not by every file.
  if (provided.missing === undefined && !(await navigator.gpu.requestAdapter()))
    provided = { missing: 'no adapter was found; the graphics driver (Vulkan, Metal or Direct3D 12) may be missing' };
  if (provided.missing !== undefined)
    throw new LatentPreviewError(
      'gpu-unavailable',
      `gpu: --backend webgpu needs WebGPU, and ${provided.missing}; --backend auto or cpu works without`,
    );
}

async function provide(): Promise<{ missing?: string }> {
  if (globalThis.navigator?.gpu) return {};
  try {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    const gpu = create([]);
    // Node's own navigator has no setter.
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true, writable: true });
    return {};
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return {
      missing:
        code === 'ERR_MODULE_NOT_FOUND'
          ? "the package 'webgpu' is not installed beside latent-preview (npm install webgpu)"
          : `the package 'webgpu' does not start here (${message.split('\n')[0]})`,
    };
  }
}

/** Where it decodes and why there. */
export function describeBackend({ backend, device }: Previewer, asked: Backend): string {
  if (backend === 'webgpu') {
    const { vendor, architecture, description } = device?.adapterInfo ?? {};
    const name = description || [vendor, architecture].filter(Boolean).join(' ');
    return `decoding on the GPU${name ? ` (${name})` : ''}`;
  }
  if (asked === 'cpu') return 'decoding on the CPU';
  return `decoding on the CPU: ${provided?.missing ?? 'there is no GPU, or only a software one, which is slower'}`;
}
