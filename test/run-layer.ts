// Runs one layer alone on a device: the kernel as the plan builds it, its inputs from memory, its output read back.

import { compileKernel } from '../src/gpu/kernel';
import { createPicture } from '../src/gpu/plan';
import { uniformBytes, viewWords } from '../src/gpu/source';
import { latentsFromArray, viewLatents } from '../src/latents';
import type { Layer } from '../src/ops/op';

/** Bytes after the output that no kernel may touch. */
const canary = 64;
const canaryByte = 0xa5;

/**
 * Planes (C, H, W) in and out. A picture is taken in 0..1, rounded to 8 bits on its way in and out.
 * Throws where the kernel wrote behind its output.
 */
export async function runLayer(
  device: GPUDevice,
  layer: Layer,
  shape: readonly number[],
  input: Float32Array,
): Promise<Float32Array> {
  const kernel = layer.kernel(shape, device.limits);
  const [channels, height, width] = shape as [number, number, number];
  const output = layer.input === 'picture' ? 'picture' : 'planes';
  const pipeline = await compileKernel(device, { kernel, input: layer.input, output });
  const outputShape = layer.outputShape(shape) as [number, number, number];
  const made: { destroy(): void }[] = [];
  const keep = <T extends { destroy(): void }>(thing: T): T => {
    made.push(thing);
    return thing;
  };
  const buffer = (data: Float32Array | Uint32Array, usage: number): GPUBuffer => {
    const made = keep(
      device.createBuffer({ size: Math.max(16, data.byteLength), usage: usage | GPUBufferUsage.COPY_DST }),
    );
    device.queue.writeBuffer(made, 0, data as Float32Array<ArrayBuffer>);
    return made;
  };

  const entries: GPUBindGroupEntry[] = [];
  if (layer.input === 'picture') {
    const texture = keep(
      device.createTexture({
        size: [width, height],
        format: 'rgba8unorm',
        usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.TEXTURE_BINDING,
      }),
    );
    const rgba = new Uint8Array(width * height * 4).fill(255);
    for (let i = 0; i < width * height; i++)
      for (let c = 0; c < 3; c++) rgba[i * 4 + c] = Math.round((input[c * width * height + i] as number) * 255);
    device.queue.writeTexture({ texture }, rgba, { bytesPerRow: width * 4 }, [width, height]);
    entries.push({ binding: 0, resource: texture.createView() });
  } else {
    const format = {
      id: 'test',
      name: 'Test',
      base: 'test',
      channels,
      dims: 2 as const,
      spatialDownscale: 8,
      source: { repo: 'test', licence: 'MIT' },
    };
    const view = viewLatents(latentsFromArray(input, { shape }), format);
    const latents = buffer(input, GPUBufferUsage.STORAGE);
    const domainMap = new Float32Array(channels * 2).map((_, k) => 1 - (k % 2));
    const words = viewWords({ buffer: latents, offset: 0, base: 0, dtype: 'float32', view, domainMap }, 0);
    const uniform = buffer(words, GPUBufferUsage.UNIFORM);
    entries.push({ binding: 0, resource: { buffer: latents } });
    if (layer.input === 'latents') {
      entries.push({ binding: 1, resource: { buffer: buffer(domainMap, GPUBufferUsage.STORAGE) } });
      entries.push({ binding: 2, resource: { buffer: uniform } });
    } else {
      entries.push({ binding: 2, resource: { buffer: uniform, offset: uniformBytes.size, size: uniformBytes.planes } });
    }
    entries.push({
      binding: 3,
      resource: { buffer: buffer(kernel.weights ?? new Float32Array(4), GPUBufferUsage.STORAGE) },
    });
  }

  const bytes = outputShape.reduce((product, n) => product * n, 4);
  const encoder = device.createCommandEncoder();
  let readable: GPUBuffer;
  let rowBytes = 0;
  const finish = (result: GPUBindingResource): void => {
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [...entries, { binding: 4, resource: result }],
    });
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...kernel.workgroups);
    pass.end();
  };
  if (output === 'picture') {
    const [, rows, columns] = outputShape;
    const picture = keep(createPicture(device, columns, rows, 'test'));
    finish(picture.createView());
    rowBytes = Math.ceil((columns * 4) / 256) * 256;
    readable = keep(
      device.createBuffer({ size: rowBytes * rows, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }),
    );
    encoder.copyTextureToBuffer({ texture: picture }, { buffer: readable, bytesPerRow: rowBytes }, [columns, rows]);
  } else {
    const planes = keep(
      device.createBuffer({
        size: bytes + canary,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      }),
    );
    device.queue.writeBuffer(planes, 0, new Uint8Array(bytes + canary).fill(canaryByte));
    // The whole buffer is bound: only the kernel's own bounds keep it off the canary.
    finish({ buffer: planes });
    readable = keep(
      device.createBuffer({ size: bytes + canary, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }),
    );
    encoder.copyBufferToBuffer(planes, 0, readable, 0, bytes + canary);
  }
  device.queue.submit([encoder.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  const mapped = readable.getMappedRange().slice(0);
  readable.unmap();
  for (const thing of made) thing.destroy();

  if (output === 'planes') {
    if (new Uint8Array(mapped, bytes).some((byte) => byte !== canaryByte))
      throw new Error('the kernel wrote behind its output');
    return new Float32Array(mapped, 0, bytes / 4);
  }
  const [, rows, columns] = outputShape;
  const rgba = new Uint8Array(mapped);
  const planes = new Float32Array(3 * rows * columns);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let c = 0; c < 3; c++)
        planes[(c * rows + y) * columns + x] = (rgba[y * rowBytes + x * 4 + c] as number) / 255;
  return planes;
}
