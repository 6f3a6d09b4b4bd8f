// Pipelines: compiled once per device for each (shader, input, output, constants), with errors that name the .wgsl line.

import { LatentPreviewError } from '../errors';
import type { Kernel, OpInput } from '../ops/op';
import type { Precision } from './precision';
import { joinShader, type KernelOutput, locate } from './shaders';

/** What a pipeline is made from; the dispatch size is not part of it. */
export interface KernelSpec {
  readonly kernel: Pick<Kernel, 'shader' | 'constants'>;
  readonly input: OpInput;
  readonly output: KernelOutput;
  /** Of activations and weights; default float32. */
  readonly precision?: Precision;
}

interface DeviceCache {
  readonly modules: Map<string, GPUShaderModule>;
  readonly pipelines: Map<string, GPUComputePipeline>;
  /** Those on their way: a decoder's layers ask for the same ones at once. */
  readonly compiling: Map<string, Promise<GPUComputePipeline>>;
}

const caches = new WeakMap<GPUDevice, DeviceCache>();

function cacheOf(device: GPUDevice): DeviceCache {
  let cache = caches.get(device);
  if (!cache) {
    cache = { modules: new Map(), pipelines: new Map(), compiling: new Map() };
    caches.set(device, cache);
  }
  return cache;
}

const labelOf = ({ kernel, input, output, precision }: KernelSpec): string =>
  `${kernel.shader} ${input}→${output}${precision === 'float16' ? ' float16' : ''}`;

const sourceOf = ({ kernel, input, output, precision }: KernelSpec): ReturnType<typeof joinShader> =>
  joinShader(kernel.shader, input, output, precision);

function keyOf(spec: KernelSpec): string {
  return `${labelOf(spec)} ${JSON.stringify(Object.entries(spec.kernel.constants).sort())}`;
}

function moduleOf(device: GPUDevice, spec: KernelSpec): GPUShaderModule {
  const { modules } = cacheOf(device);
  const label = labelOf(spec);
  let module = modules.get(label);
  if (!module) {
    module = device.createShaderModule({ label, code: sourceOf(spec).code });
    modules.set(label, module);
  }
  return module;
}

const descriptorOf = (device: GPUDevice, spec: KernelSpec): GPUComputePipelineDescriptor => ({
  label: labelOf(spec),
  layout: 'auto',
  compute: { module: moduleOf(device, spec), entryPoint: 'main', constants: { ...spec.kernel.constants } },
});

/**
 * Compiles ahead of the first frame.
 * @throws LatentPreviewError `shader`, with the compiler's messages and their lines
 */
export async function compileKernel(device: GPUDevice, spec: KernelSpec): Promise<GPUComputePipeline> {
  const { pipelines, compiling } = cacheOf(device);
  const key = keyOf(spec);
  const known = pipelines.get(key) ?? compiling.get(key);
  if (known) return known;
  const compiled = compile(device, spec);
  compiling.set(key, compiled);
  try {
    const pipeline = await compiled;
    pipelines.set(key, pipeline);
    return pipeline;
  } finally {
    compiling.delete(key);
  }
}

async function compile(device: GPUDevice, spec: KernelSpec): Promise<GPUComputePipeline> {
  try {
    return await device.createComputePipelineAsync(descriptorOf(device, spec));
  } catch (cause) {
    throw new LatentPreviewError('shader', `${labelOf(spec)}: ${await compilerMessages(device, spec, cause)}`, {
      cause,
    });
  }
}

/** The same, without waiting: for kernels first needed while a frame is being recorded. */
export function pipelineOf(device: GPUDevice, spec: KernelSpec): GPUComputePipeline {
  const { pipelines } = cacheOf(device);
  const key = keyOf(spec);
  let pipeline = pipelines.get(key);
  if (!pipeline) {
    pipeline = device.createComputePipeline(descriptorOf(device, spec));
    pipelines.set(key, pipeline);
  }
  return pipeline;
}

async function compilerMessages(device: GPUDevice, spec: KernelSpec, cause: unknown): Promise<string> {
  const source = sourceOf(spec);
  const info = await moduleOf(device, spec).getCompilationInfo();
  const messages = info.messages.map(
    ({ type, lineNum, message }) => `${type} at ${locate(lineNum, source)}: ${message.trim()}`,
  );
  return messages.length > 0 ? messages.join('; ') : cause instanceof Error ? cause.message : String(cause);
}
