// Counts what a contender makes the GPU do and how much memory it asks for, by watching the browser's own functions.
// To be imported before any contender.

interface Account {
  dispatches: number;
  /** GPU buffers and textures, in bytes: now, and at most since it was last looked at. */
  gpu: number;
  gpuPeak: number;
  readonly memories: Set<WebAssembly.Memory>;
}

const accounts = new Map<string, Account>();
const accountOf = (name: string): Account => {
  const account = accounts.get(name) ?? { dispatches: 0, gpu: 0, gpuPeak: 0, memories: new Set() };
  accounts.set(name, account);
  return account;
};

let current = accountOf('nobody');

/** Whose everything is from now on. */
export function charge(name: string): void {
  current = accountOf(name);
  current.gpuPeak = current.gpu;
}

export const dispatchCount = (): number => current.dispatches;

/** In bytes; WebAssembly's memory never shrinks. */
export function memoryPeak(): { gpu: number; wasm: number } {
  let wasm = 0;
  for (const memory of current.memories) wasm += memory.buffer.byteLength;
  return { gpu: current.gpuPeak, wasm };
}

const held = new WeakMap<object, { account: Account; bytes: number }>();

function hold<T extends object>(resource: T, bytes: number): T {
  const account = current;
  account.gpu += bytes;
  account.gpuPeak = Math.max(account.gpuPeak, account.gpu);
  held.set(resource, { account, bytes });
  return resource;
}

function release(resource: object): void {
  const holding = held.get(resource);
  held.delete(resource);
  if (holding) holding.account.gpu -= holding.bytes;
}

function watchGpu(): void {
  const { createBuffer, createTexture } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    return hold(createBuffer.call(this, descriptor), descriptor.size);
  };
  GPUDevice.prototype.createTexture = function (descriptor) {
    const texture = createTexture.call(this, descriptor);
    const texelBytes = texture.format.startsWith('rgba32') ? 16 : 4;
    return hold(texture, texture.width * texture.height * texture.depthOrArrayLayers * texelBytes);
  };
  for (const { prototype } of [GPUBuffer, GPUTexture]) {
    const { destroy } = prototype;
    prototype.destroy = function () {
      release(this);
      // Both functions are of one type, but of two kinds of `this`.
      return (destroy as (this: unknown) => undefined).call(this);
    };
  }
  const { dispatchWorkgroups, dispatchWorkgroupsIndirect } = GPUComputePassEncoder.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...sizes) {
    current.dispatches++;
    return dispatchWorkgroups.apply(this, sizes);
  };
  GPUComputePassEncoder.prototype.dispatchWorkgroupsIndirect = function (...place) {
    current.dispatches++;
    return dispatchWorkgroupsIndirect.apply(this, place);
  };
}

function watchWasm(): void {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, args, caller) {
      const memory = Reflect.construct(target, args, caller) as WebAssembly.Memory;
      current.memories.add(memory);
      return memory;
    },
  });
  type Instantiate = (...args: unknown[]) => Promise<WebAssembly.Instance | WebAssembly.WebAssemblyInstantiatedSource>;
  const functions = WebAssembly as unknown as Record<'instantiate' | 'instantiateStreaming', Instantiate>;
  for (const name of ['instantiate', 'instantiateStreaming'] as const) {
    const real = functions[name];
    functions[name] = async (...args) => {
      const account = current;
      const result = await real.apply(WebAssembly, args);
      const { exports } = 'instance' in result ? result.instance : result;
      for (const value of Object.values(exports)) if (value instanceof Memory) account.memories.add(value);
      return result;
    };
  }
}

if (globalThis.GPUDevice) watchGpu();
watchWasm();
