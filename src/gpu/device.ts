// Where a device comes from, and what is said when there is none.

import { LatentPreviewError } from '../errors';

export type Backend = 'auto' | 'webgpu' | 'cpu';

export interface AcquiredDevice {
  readonly device: GPUDevice;
  /** True where this library made it, and therefore destroys it. */
  readonly owned: boolean;
  /** A software implementation such as SwiftShader or lavapipe. */
  readonly software: boolean;
}

const usefulFeatures: readonly GPUFeatureName[] = ['shader-f16', 'subgroups'];

/**
 * The caller's device, or one of our own.
 * @throws LatentPreviewError `gpu-unavailable` with what is missing and what to do
 */
export async function acquireDevice(given?: GPUDevice): Promise<AcquiredDevice> {
  if (given) return { device: given, owned: false, software: given.adapterInfo?.isFallbackAdapter ?? false };
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) throw unavailable(missingApi());
  const adapter = await gpu.requestAdapter().catch((cause: unknown) => {
    throw unavailable('the browser refused a GPU adapter', cause);
  });
  if (!adapter) throw unavailable('the browser has WebGPU but no adapter for it; hardware acceleration may be off');
  const requiredFeatures = usefulFeatures.filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({ label: 'latent-preview', requiredFeatures }).catch((cause: unknown) => {
    throw unavailable('the adapter gave no device', cause);
  });
  return { device, owned: true, software: adapter.info?.isFallbackAdapter ?? false };
}

/** A device of the caller's, or who to ask for one, again after each loss; undefined stands for the CPU. */
export type GivenDevice = GPUDevice | (() => Promise<GPUDevice | undefined>);

/** Undefined where `auto` does better on the CPU. */
export async function findDevice(backend: Backend, given?: GivenDevice): Promise<AcquiredDevice | undefined> {
  if (typeof given === 'function') {
    const device = await given();
    if (!device && backend === 'webgpu') throw unavailable('the function `device` gave none');
    return device && acquireDevice(device);
  }
  if (given || backend === 'webgpu') return acquireDevice(given);
  const found = await acquireDevice().catch((error: unknown) => {
    if (error instanceof LatentPreviewError && error.code === 'gpu-unavailable') return undefined;
    throw error;
  });
  if (!found?.software) return found;
  found.device.destroy();
  return undefined;
}

/**
 * The device that a previewer would make for itself, for several previewers to share: pass it to each as `device`, and destroy
 * it after them. Undefined where they would decode on the CPU.
 * @throws LatentPreviewError `gpu-unavailable` (backend `webgpu`)
 */
export async function requestDevice(backend: Backend = 'auto'): Promise<GPUDevice | undefined> {
  return backend === 'cpu' ? undefined : (await findDevice(backend))?.device;
}

function missingApi(): string {
  if (globalThis.isSecureContext === false)
    return 'WebGPU is only there on secure pages; serve the page over https or from localhost';
  return 'this browser or runtime has no WebGPU (no navigator.gpu)';
}

const unavailable = (reason: string, cause?: unknown): LatentPreviewError =>
  new LatentPreviewError('gpu-unavailable', `gpu: ${reason}; backend 'auto' or 'cpu' works without one`, { cause });
