// Set-up of every test file in Node: `navigator.gpu` is Dawn, and a test during which any device reports a GPU error
// fails, whoever made the device and whatever the assertions said. Test files import the functions below.

import { afterEach, describe } from 'vitest';
import { create, globals } from 'webgpu';

const underCI = Boolean(process.env.CI) && process.env.CI !== 'false';

interface Dawn {
  // Dawn's instance: where it is collected while a device lives, the process crashes.
  readonly gpu: GPU;
  readonly adapter: GPUAdapter | null;
  /** Devices that are neither destroyed nor lost. */
  readonly devices: Set<GPUDevice>;
  readonly errors: string[];
}

/** Starts Dawn and watches the devices that any code asks it for. */
async function start(): Promise<Dawn> {
  Object.assign(globalThis, globals);
  const gpu = create([]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true, writable: true });

  const devices = new Set<GPUDevice>();
  const errors: string[] = [];
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.add(device);
    device.addEventListener('uncapturederror', ({ error }) =>
      errors.push(`${error.constructor.name}: ${error.message}`),
    );
    void device.lost.then(() => devices.delete(device));
    return device;
  };

  const adapter = await gpu.requestAdapter();
  if (!adapter && underCI)
    throw new Error('Dawn found no WebGPU adapter. Under CI that is a failure: is VK_ICD_FILENAMES right?');
  if (!adapter) console.warn('skipped: GPU tests – Dawn found no WebGPU adapter; a Chromium brings a software one');
  return { gpu, adapter, devices, errors };
}

// One Dawn per process, even where this module is evaluated more than once in it.
const holder = globalThis as { latentPreviewDawn?: Promise<Dawn> };
holder.latentPreviewDawn ??= start();
const { gpu, adapter, devices, errors } = await holder.latentPreviewDawn;

/** `describe`, skipped where there is no WebGPU adapter (which under CI is a failure instead). */
export const describeGpu = describe.skipIf(!adapter);

/**
 * The GPU errors that no error scope caught since the last call, which are thereby forgiven: for tests that provoke one.
 */
export async function takeGpuErrors(): Promise<string[]> {
  for (const device of devices) {
    // An error scope's answer comes after the errors of everything called before it.
    device.pushErrorScope('validation');
    await Promise.race([device.popErrorScope(), device.lost]);
  }
  return errors.splice(0);
}

afterEach(async () => {
  const found = await takeGpuErrors();
  if (found.length) throw new Error(`${found.length} GPU error(s): ${found.join('\n')}`);
});

/** Runs with a device of its own and destroys it. */
export async function withDevice<T>(
  run: (device: GPUDevice) => Promise<T> | T,
  descriptor?: GPUDeviceDescriptor,
): Promise<T> {
  // An adapter gives one device only.
  const fresh = await gpu.requestAdapter();
  if (!fresh) throw new Error('no WebGPU adapter; use describeGpu around GPU tests');
  const device = await fresh.requestDevice(descriptor);
  try {
    return await checked(device, () => run(device));
  } finally {
    device.destroy();
  }
}

/** Runs inside error scopes of every kind and throws what they caught: says which call failed, not only which test. */
export async function checked<T>(device: GPUDevice, run: () => Promise<T> | T): Promise<T> {
  const kinds = ['validation', 'out-of-memory', 'internal'] as const;
  for (const kind of kinds) device.pushErrorScope(kind);
  const outcome = await Promise.resolve()
    .then(run)
    .then(
      (value) => ({ value }),
      (failure: unknown) => ({ failure }),
    );
  const caught: string[] = [];
  // The innermost scope is the last kind.
  for (const kind of [...kinds].reverse()) {
    const error = await Promise.race([device.popErrorScope(), device.lost.then(() => null)]);
    if (error) caught.push(`${kind}: ${error.message}`);
  }
  // Before a failed assertion: the GPU error is likely its cause.
  if (caught.length) throw new Error(`GPU error, ${caught.join('\n')}`, { cause: outcome });
  if ('failure' in outcome) throw outcome.failure;
  return outcome.value;
}
