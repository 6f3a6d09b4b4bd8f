// The kernel behind predictX0 against its reference, for op-suite.ts: on every WebGPU implementation, in every dtype, in
// place in larger buffers. Must not import anything of Node's.

import { recordCombine } from '../src/gpu/combine';
import { latentsFromArray, latentsFromBuffer } from '../src/index';
import type { GpuTensor } from '../src/latents';
import { combine, combineExamples } from '../src/ops/combine';
import { noise } from '../src/ops/examples';
import { type Prediction, predictX0, predictX0FromSteps } from '../src/steps/index';
import { type DType, numberToFloat16, type Tensor, tensorFromArray } from '../src/tensor';
import type { SuiteCase } from './op-suite';

/** `count` numbers in −4..4 as a tensor of any dtype, and none that is not finite. */
function tensorOf(dtype: DType, shape: readonly number[], seed: number): Tensor {
  const values = noise(
    shape.reduce((product, n) => product * n, 1),
    seed,
  ).map((value) => value * 4);
  if (dtype === 'float16') return tensorFromArray(Uint16Array.from(values, numberToFloat16), shape, dtype);
  if (dtype === 'bfloat16')
    return tensorFromArray(
      Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16),
      shape,
      dtype,
    );
  if (dtype === 'float64') return tensorFromArray(Float64Array.from(values), shape);
  if (dtype === 'int8') return tensorFromArray(Int8Array.from(values), shape);
  return tensorFromArray(values, shape);
}

/** In a larger buffer, at an offset that is no word's where the dtype allows it, before a canary. */
function inPlace(device: GPUDevice, { data, dtype, shape }: Tensor): GpuTensor {
  const offset = 3 * data.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(Math.ceil((offset + data.byteLength) / 4) * 4 + 256);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: bytes.length, usage });
  device.queue.writeBuffer(buffer, 0, bytes);
  return { buffer, offset, dtype: dtype as GpuTensor['dtype'], shape };
}

export async function readBack(device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> {
  const copy = device.createBuffer({ size: buffer.size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(copy.getMappedRange().slice(0));
  copy.destroy();
  return values;
}

/** Relative to what is added up; equal bits where it is not finite. */
function differing(actual: Float32Array, expected: Float32Array, scale: number): string | undefined {
  if (actual.length !== expected.length) return `lengths: actual ${actual.length}, expected ${expected.length}`;
  const wrong = [...expected.keys()].filter((k) =>
    Number.isFinite(expected[k])
      ? !(Math.abs(actual[k]! - expected[k]!) <= scale * 3e-7)
      : !Object.is(actual[k], expected[k]),
  );
  const [k] = wrong;
  return k === undefined ? undefined : `${wrong.length} wrong; at ${k} actual ${actual[k]}, expected ${expected[k]}`;
}

const gpuTypes = ['float32', 'float16', 'bfloat16'] as const;

export function stepCases(): SuiteCase[] {
  return [...kernelCases(), ...oddCases, ...latentsCases()];
}

function kernelCases(): SuiteCase[] {
  return combineExamples().flatMap(({ shape, params }, index) =>
    gpuTypes.map((dtype, k) => ({
      name: `kernel = reference: combine (${shape.join(', ')}) #${index} ${dtype}`,
      run: async (device: GPUDevice) => {
        const tensors = [tensorOf(dtype, shape, 1), tensorOf(gpuTypes[(k + index) % 3]!, shape, 2)] as const;
        const expected = combine.reference(...tensors, params);
        const result = device.createBuffer({
          size: 4 * expected.length + 64,
          usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
        });
        const canary = new Float32Array(16).fill(12345);
        device.queue.writeBuffer(result, 4 * expected.length, canary);
        const encoder = device.createCommandEncoder();
        const there = [inPlace(device, tensors[0]), inPlace(device, tensors[1])] as const;
        recordCombine(device, encoder, there, params, result);
        device.queue.submit([encoder.finish()]);
        const all = await readBack(device, result);
        const scale = 4 * (Math.abs(params.factors[0]) + Math.abs(params.factors[1]));
        if (all.subarray(expected.length).some((value) => value !== 12345)) return 'the kernel wrote behind its output';
        return differing(all.slice(0, expected.length), expected, scale);
      },
    })),
  );
}

/** What is not finite, and tensors that do not count. */
const oddCases: readonly SuiteCase[] = gpuTypes.flatMap((dtype) =>
  (
    [
      [1, -2],
      [0, 1],
      [-3, 0],
    ] as const
  ).map((factors) => ({
    name: `kernel = reference: combine, NaN and infinities of ${dtype}, factors ${factors}`,
    run: async (device) => {
      const [first, second] = [tensorOf(dtype, [2, 3, 5], 1), tensorOf(dtype, [2, 3, 5], 2)];
      const bits = { float32: [Number.NaN, Infinity, -Infinity], float16: [0x7e01, 0x7c00, 0xfc00] };
      const odd = dtype === 'bfloat16' ? [0x7fc1, 0x7f80, 0xff80] : bits[dtype];
      odd.forEach((value, k) => {
        first.data[k * 2] = value;
        second.data[k * 2 + 7] = value;
      });
      const expected = combine.reference(first, second, { factors });
      // By hand: three from each that counts.
      const nan = expected.filter((value) => Number.isNaN(value)).length;
      if (nan !== (factors[0] ? 3 : 0) + (factors[1] ? 3 : 0)) return `the reference has ${nan} NaN`;
      const result = device.createBuffer({ size: 120, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
      const encoder = device.createCommandEncoder();
      recordCombine(device, encoder, [inPlace(device, first), inPlace(device, second)], { factors }, result);
      device.queue.submit([encoder.finish()]);
      return differing(await readBack(device, result), expected, 4 * 3);
    },
  })),
);

/** The public functions, from CPU memory and in place, against themselves on the CPU, which steps.test.ts checks. */
function latentsCases(): SuiteCase[] {
  const shape = [1, 4, 9, 7];
  return (['float32', 'float16', 'bfloat16', 'float64', 'int8'] as const).flatMap((dtype) =>
    (['epsilon', 'v', 'flow', 'steps'] as const).map((prediction) => ({
      name: `predictX0 on the device = on the CPU: ${prediction}, ${dtype}`,
      run: async (device: GPUDevice) => {
        const tensors = [tensorOf(dtype, shape, 5), tensorOf(dtype, shape, 6)] as const;
        const latents = tensors.map(({ data }) => latentsFromArray(data, { shape, dtype, format: 'sdxl' }));
        const predict = (pair: typeof latents, where: { device?: GPUDevice; encoder?: GPUCommandEncoder }) =>
          prediction === 'steps'
            ? predictX0FromSteps(pair[0]!, pair[1]!, { sigmas: [0.9, 0.4], ...where })
            : predictX0(pair[0]!, pair[1]!, {
                prediction: prediction as Exclude<Prediction, 'sample'>,
                sigma: 0.9,
                ...where,
              });
        const { tensor } = predict(latents, {});
        if ('buffer' in tensor || tensor.dtype !== 'float32') return 'the result on the CPU is not float32';
        const uploaded = predict(latents, { device }).tensor as GpuTensor;
        const wrong = differing(await readBack(device, uploaded.buffer), tensor.data, 4 * 3);
        uploaded.buffer.destroy();
        if (wrong || dtype === 'float64' || dtype === 'int8') return wrong;
        const placed = tensors.map((one) => {
          const { buffer, offset } = inPlace(device, one);
          return latentsFromBuffer(buffer, { shape, dtype, offset, format: 'sdxl' });
        });
        const encoder = device.createCommandEncoder();
        const recorded = predict(placed, { device, encoder }).tensor as GpuTensor;
        device.queue.submit([encoder.finish()]);
        return differing(await readBack(device, recorded.buffer), tensor.data, 4 * 3);
      },
    })),
  );
}
