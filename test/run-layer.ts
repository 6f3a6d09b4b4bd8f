// Runs one layer alone on a device: the kernels as the plan builds them, its inputs from memory, its output read back.

import { fuseLayers } from '../src/gpu/fuse';
import { compileKernel } from '../src/gpu/kernel';
import { createPicture } from '../src/gpu/picture';
import { bytesOfReal, type Precision, toReals } from '../src/gpu/precision';
import { latentWords } from '../src/gpu/source';
import { familyOf, type KernelFamily, passesOf, type Scratch, scratchBytes, stagesOf } from '../src/gpu/stages';
import { latentsFromArray } from '../src/latents';
import type { Layer } from '../src/ops/op';
import { widenHalves } from '../src/tensor';
import { viewLatents } from '../src/view';

/** Bytes after the output that no kernel may touch. */
const canary = 64;
const canaryByte = 0xa5;

type Size = readonly [channels: number, height: number, width: number];

/** Planes (C, H, W) as the kernels keep activations: four channels to a vec4f, zeros beyond the last. */
function toGroups(planes: Float32Array, [channels, height, width]: Size): Float32Array {
  const size = height * width;
  const groups = new Float32Array(Math.ceil(channels / 4) * size * 4);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < size; i++) groups[((c >> 2) * size + i) * 4 + (c & 3)] = planes[c * size + i]!;
  return groups;
}

function fromGroups(groups: Float32Array, [channels, height, width]: Size): Float32Array {
  const size = height * width;
  return Float32Array.from({ length: channels * size }, (_, k) => {
    const [c, i] = [Math.floor(k / size), k % size];
    return groups[((c >> 2) * size + i) * 4 + (c & 3)]!;
  });
}

/**
 * Planes (C, H, W) in and out, rounded to the precision's numbers. A picture is taken in 0..1, rounded to 8 bits on its way in and out.
 * Throws where the kernel wrote behind its output.
 */
export async function runLayer(
  device: GPUDevice,
  layer: Layer,
  shape: readonly number[],
  input: Float32Array,
  added?: Float32Array,
  precision: Precision = 'float32',
  family: KernelFamily = familyOf(device, precision),
): Promise<Float32Array> {
  const size = shape as unknown as Size;
  const outputSize = layer.outputShape(shape) as unknown as Size;
  const made: { destroy(): void }[] = [];
  const keep = <T extends { destroy(): void }>(thing: T): T => {
    made.push(thing);
    return thing;
  };
  const buffer = (
    data: Float32Array | Int32Array | Uint32Array | Uint16Array | Uint8Array,
    usage: number,
  ): GPUBuffer => {
    const filled = keep(
      device.createBuffer({ size: Math.max(16, data.byteLength), usage: usage | GPUBufferUsage.COPY_DST }),
    );
    device.queue.writeBuffer(filled, 0, data as Float32Array<ArrayBuffer>);
    return filled;
  };

  const [channels, rows, columns] = outputSize;
  const staged = stagesOf(layer, shape, device.limits, family);
  const { stages } = staged;
  const goal = layer.input === 'picture' ? 'picture' : 'activations';
  const pipelines = await Promise.all(
    stages.map((kernel) => compileKernel(device, { kernel, input: layer.input, output: goal, precision })),
  );
  const passes = passesOf(staged, {
    ...{ width: columns, height: rows, inputWidth: size[2], inputHeight: size[1], inputColumn: 0, inputRow: 0 },
    ...{ addedWidth: columns, addedPlane: columns * rows, addedOffset: 0, pictureColumn: 0, pictureRow: 0 },
  });
  const reals = (values: Float32Array): GPUBuffer => buffer(toReals(values, precision), GPUBufferUsage.STORAGE);
  // What every stage of the layer is bound to, by its binding.
  const bound = new Map<number, GPUBindingResource>();
  const bind = (binding: number, resource: GPUBindingResource) => bound.set(binding, resource);
  if (layer.input === 'picture') bind(0, pictureFrom(device, input, size, keep).createView());
  else if (layer.input !== 'activations') {
    const latents = buffer(input, GPUBufferUsage.STORAGE);
    const domainMap = new Float32Array(size[0] * 2).map((_, k) => 1 - (k % 2));
    const format = { id: 'test', name: 'Test', base: 'test', channels: size[0], dims: 2, spatialDownscale: 8 } as const;
    const view = viewLatents(latentsFromArray(input, { shape }), {
      ...format,
      source: { repo: 'test', licence: 'MIT' },
    });
    const words = latentWords({ dtype: 'float32', view }, 0);
    bind(0, { buffer: latents });
    bind(1, { buffer: buffer(domainMap, GPUBufferUsage.STORAGE) });
    bind(6, { buffer: buffer(words, GPUBufferUsage.UNIFORM) });
    bind(5, { buffer: buffer(new Float32Array(4), GPUBufferUsage.STORAGE) });
  } else {
    const groups = { buffer: reals(toGroups(input, size)) };
    bind(0, groups);
    bind(5, added ? { buffer: reals(toGroups(added, outputSize)) } : groups);
  }
  const scratch = new Map<Scratch | undefined, GPUBindingResource>();
  for (const name of ['tiles', 'sums'] as const)
    if (stages.some(({ to }) => to === name)) {
      // Rubbish, as a strip before leaves it.
      const bytes = new Uint8Array(scratchBytes([staged], name)).fill(canaryByte);
      scratch.set(name, { buffer: buffer(bytes, GPUBufferUsage.STORAGE) });
    }
  const weights = stages.map((stage) => stage.weights && reals(stage.weights()));

  const encoder = device.createCommandEncoder();
  const run = (output: GPUBindingResource): void => {
    const compute = encoder.beginComputePass();
    for (const { stage, workgroups, view } of passes) {
      const { from, to, takesAdded } = stages[stage]!;
      const layout = pipelines[stage]!.getBindGroupLayout(0);
      const packed = weights[stage];
      const resources = new Map(bound).set(4, scratch.get(to) ?? output);
      if (from) resources.set(0, scratch.get(from)!);
      if (layer.input !== 'picture') resources.set(2, { buffer: buffer(view, GPUBufferUsage.UNIFORM) });
      if (packed) resources.set(3, { buffer: packed });
      if (!takesAdded) resources.delete(5);
      const entries = [...resources].map(([binding, resource]) => ({ binding, resource }));
      compute.setPipeline(pipelines[stage]!);
      compute.setBindGroup(0, device.createBindGroup({ layout, entries }));
      compute.dispatchWorkgroups(...workgroups);
    }
    compute.end();
  };
  const readable = (bytes: number): GPUBuffer =>
    keep(device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }));
  const finish = async (from: GPUBuffer): Promise<ArrayBuffer> => {
    device.queue.submit([encoder.finish()]);
    await from.mapAsync(GPUMapMode.READ);
    const mapped = from.getMappedRange().slice(0);
    from.unmap();
    for (const thing of made) thing.destroy();
    return mapped;
  };

  if (goal === 'picture') {
    const texture = keep(createPicture(device, columns, rows, 'test'));
    run(texture.createView());
    const bytesPerRow = Math.ceil((columns * 4) / 256) * 256;
    const copy = readable(bytesPerRow * rows);
    encoder.copyTextureToBuffer({ texture }, { buffer: copy, bytesPerRow }, [columns, rows]);
    const rgba = new Uint8Array(await finish(copy));
    return Float32Array.from({ length: 3 * rows * columns }, (_, k) => {
      const [c, y, x] = [Math.floor(k / (rows * columns)), Math.floor(k / columns) % rows, k % columns];
      return rgba[y * bytesPerRow + x * 4 + c]! / 255;
    });
  }
  const count = Math.ceil(channels / 4) * 4 * rows * columns;
  const bytes = count * bytesOfReal[precision];
  // The whole buffer is bound: only the kernel's own bounds keep it off the canary.
  const filled = new Uint8Array(bytes + canary).fill(canaryByte);
  const result = buffer(filled, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
  run({ buffer: result });
  const copy = readable(bytes + canary);
  encoder.copyBufferToBuffer(result, 0, copy, 0, bytes + canary);
  const mapped = await finish(copy);
  if (new Uint8Array(mapped, bytes).some((byte) => byte !== canaryByte))
    throw new Error('the kernel wrote behind its output');
  if (precision === 'float32') return fromGroups(new Float32Array(mapped, 0, count), outputSize);
  const widened = new Float32Array(count);
  widenHalves(new Uint16Array(mapped, 0, count), 'float16', widened);
  return fromGroups(widened, outputSize);
}

function pictureFrom(
  device: GPUDevice,
  planes: Float32Array,
  [, height, width]: Size,
  keep: (texture: GPUTexture) => GPUTexture,
): GPUTexture {
  const usage = GPUTextureUsage.COPY_DST | GPUTextureUsage.TEXTURE_BINDING;
  const texture = keep(device.createTexture({ size: [width, height], format: 'rgba8unorm', usage }));
  const rgba = new Uint8Array(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) rgba[i * 4 + c] = Math.round(planes[c * width * height + i]! * 255);
  device.queue.writeTexture({ texture }, rgba, { bytesPerRow: width * 4 }, [width, height]);
  return texture;
}

/** A decoder's layers, fused as a plan does, one by one on the GPU, planes between them: (C, H, W) in, the last's out. */
export async function runLayersOnGpu(
  device: GPUDevice,
  decoderLayers: readonly Layer[],
  shape: readonly number[],
  input: Float32Array,
  precision: Precision = 'float32',
  family?: KernelFamily,
): Promise<Float32Array> {
  const layers = fuseLayers(decoderLayers);
  const done: { planes: Float32Array; shape: readonly number[] }[] = [];
  for (const [index, layer] of layers.entries()) {
    const source = done[index - (layer.from ?? 1)] ?? { planes: input, shape };
    const added = layer.add === undefined ? undefined : done[index - layer.add]!.planes;
    const planes = await runLayer(device, layer, source.shape, source.planes, added, precision, family);
    done.push({ planes, shape: layer.outputShape(source.shape) });
  }
  return done.at(-1)!.planes;
}
