// Tensors of the engines themselves in Node: onnxruntime-web's Tensor over arrays and over buffers of Dawn, TensorFlow.js
// on its CPU backend. Both on a GPU, with their own devices: browser/adapters.spec.ts.

import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as ort from 'onnxruntime-web';
import { afterEach, describe, expect, it } from 'vitest';
import { latentsFromOrt, type OrtTensor } from '../../src/adapters/onnxruntime';
import { latentsFromTfjs } from '../../src/adapters/tfjs';
import { latentsFromTransformers } from '../../src/adapters/transformers';
import { createPreviewer, LatentPreviewError } from '../../src/index';
import { describeGpu, withDevice } from '../setup/gpu';

const values = Float32Array.of(-1, 1, -0.5, 0.5, 0.25, 0);

describe('onnxruntime-web in CPU memory', () => {
  it('is shared, not copied, with what the caller says of it', () => {
    const tensor = new ort.Tensor('float32', values, [1, 3, 1, 2]);
    const latents = latentsFromOrt(tensor, { format: 'pixel', layout: 'NCHW' });
    expect(latents.tensor).toEqual({ dtype: 'float32', shape: [1, 3, 1, 2], data: values });
    expect((latents.tensor as { data: unknown }).data).toBe(tensor.data);
    expect(latents).toMatchObject({ format: { id: 'pixel' }, domain: 'model', layout: 'NCHW' });
  });
  it('halves are bits, whichever array the runtime holds them in', () => {
    const bits = Uint16Array.of(0x3c00, 0xc000);
    const tensor = new ort.Tensor('float16', bits, [2]);
    expect(latentsFromOrt(tensor).tensor).toEqual({ dtype: 'float16', shape: [2], data: bits });
    // Node 20 has no Float16Array: another view of two-byte elements in its place.
    const view = new Int16Array(new Uint8Array([9, 9, 0, 0x3c, 0, 0xc0]).buffer, 2, 2);
    const like: OrtTensor = { type: 'float16', dims: [2], location: 'cpu', data: view, gpuBuffer: undefined };
    expect(latentsFromOrt(like).tensor).toEqual({ dtype: 'float16', shape: [2], data: bits });
  });
  it.each([
    ['float64', Float64Array.of(1, 2), 'float64'],
    ['int32', Int32Array.of(1, 2), 'int32'],
    ['int8', Int8Array.of(1, 2), 'int8'],
    ['uint8', Uint8Array.of(1, 2), 'uint8'],
    ['bool', Uint8Array.of(0, 1), 'uint8'],
  ] as const)('%s is %s', (type, data, dtype) => {
    expect(latentsFromOrt(new ort.Tensor(type, data as never, [2])).tensor).toEqual({ dtype, shape: [2], data });
  });
  it('that cannot be read is refused with the way out', () => {
    const refused = (tensor: OrtTensor): LatentPreviewError => {
      try {
        latentsFromOrt(tensor);
      } catch (error) {
        return error as LatentPreviewError;
      }
      throw new Error('it was taken');
    };
    const gone = new ort.Tensor('float32', values, [6]);
    gone.dispose();
    const like = (type: string, location: string): OrtTensor => ({
      ...{ type, location, dims: [2] },
      get data(): never {
        throw new Error('The data is not on CPU');
      },
      get gpuBuffer(): never {
        throw new Error('The data is not stored as a WebGPU buffer.');
      },
    });
    for (const [tensor, said] of [
      [gone, 'it was disposed of; dispose of it after the frame was submitted'],
      [new ort.Tensor('int64', BigInt64Array.of(1n), [1]), 'elements of type int64; cast to float32 in the model'],
      [new ort.Tensor('string', ['a'], [1]), 'elements of type string'],
      [like('float32', 'ml-tensor'), "it is in a 'ml-tensor'; ask for `preferredOutputLocation: 'gpu-buffer'`"],
      [like('float32', 'texture'), "it is in a 'texture'"],
      [like('int32', 'gpu-buffer'), 'int32 on the GPU; cast to float32 or float16 in the model, or await'],
    ] as const) {
      const error = refused(tensor);
      expect(error).toBeInstanceOf(LatentPreviewError);
      expect(error.code).toBe('shape');
      expect(error.message).toContain(said);
    }
    expect(() => latentsFromOrt(new ort.Tensor('float32', values, [6]), { format: 'none such' })).toThrow('none such');
  });
});

describe('transformers.js', () => {
  it('wraps such tensors: whatever else its own has, the inner one is read', () => {
    const ort_tensor = new ort.Tensor('float32', values, [1, 3, 1, 2]);
    // As src/utils/tensor.js of transformers.js makes them: a proxy that takes numbers as indices.
    class Tensor {
      ort_tensor = ort_tensor;
      get dims() {
        return this.ort_tensor.dims;
      }
    }
    const tensor = new Proxy(new Tensor(), {
      get: (inner, key) =>
        Number.isInteger(Number(String(key))) ? values[Number(String(key))] : Reflect.get(inner, key),
    });
    const latents = latentsFromTransformers(tensor, { format: 'pixel' });
    expect((latents.tensor as { data: unknown }).data).toBe(ort_tensor.data);
    expect(latents).toMatchObject({ tensor: { shape: [1, 3, 1, 2] }, format: { id: 'pixel' } });
    expect(() => latentsFromTransformers({} as never)).toThrow('the tensor has no `ort_tensor`');
  });
});

describeGpu('onnxruntime-web in a buffer', () => {
  /** Two white pixels and two black ones in pixel space; what is behind them in the buffer must not be seen. */
  const pixels = [1, -1, 1, -1, 1, -1];
  it.each(['float32', 'float16'] as const)('larger than its dims, as the runtime’s are: %s', async (type) => {
    await withDevice(async (device) => {
      const data =
        type === 'float32'
          ? Float32Array.from(pixels)
          : Uint16Array.from(pixels, (value) => (value > 0 ? 0x3c00 : 0xbc00));
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
      const buffer = device.createBuffer({ size: 2048, usage });
      device.queue.writeBuffer(buffer, 0, new Float32Array(512).fill(Number.NaN));
      device.queue.writeBuffer(buffer, 0, data);
      const tensor = ort.Tensor.fromGpuBuffer(buffer as never, { dataType: type, dims: [1, 3, 1, 2] });
      const latents = latentsFromOrt(tensor, { format: 'pixel' });
      expect(latents.tensor).toEqual({ buffer, offset: 0, dtype: type, shape: [1, 3, 1, 2] });
      const previewer = await createPreviewer({ format: 'pixel', device });
      const { data: seen } = await previewer.toImageData(latents);
      expect([...seen]).toEqual([255, 255, 255, 255, 0, 0, 0, 255]);
      previewer.destroy();
      const larger = ort.Tensor.fromGpuBuffer(buffer as never, { dataType: type, dims: [1, 3, 32, 32] });
      expect(() => latentsFromOrt(larger)).toThrow('the buffer has 2048');
      buffer.destroy();
    });
  });
});

describe('TensorFlow.js', () => {
  afterEach(() => tf.disposeVariables());
  it('on its CPU backend is read from memory, and nothing is left behind', async () => {
    await tf.setBackend('cpu');
    const before = tf.memory().numTensors;
    const tensor = tf.tensor(values, [1, 1, 2, 3]);
    const { latents, release } = await latentsFromTfjs(tensor, { format: 'pixel', layout: 'NHWC' });
    expect(latents.tensor).toEqual({ dtype: 'float32', shape: [1, 1, 2, 3], data: values });
    expect(latents.layout).toBe('NHWC');
    release();
    release();
    expect(tf.memory().numTensors).toBe(before + 1);
    tensor.dispose();
    const error = await latentsFromTfjs(tensor).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LatentPreviewError);
    expect(error).toMatchObject({ code: 'shape', message: expect.stringContaining('was it disposed of?') });
  });
  it('integers and booleans too; strings and complex numbers are refused', async () => {
    await tf.setBackend('cpu');
    const whole = await latentsFromTfjs(tf.tensor([1, 2], [2], 'int32'));
    expect(whole.latents.tensor).toEqual({ dtype: 'int32', shape: [2], data: Int32Array.of(1, 2) });
    const flags = await latentsFromTfjs(tf.tensor([true, false], [2], 'bool'));
    expect(flags.latents.tensor).toEqual({ dtype: 'uint8', shape: [2], data: Uint8Array.of(1, 0) });
    await expect(latentsFromTfjs(tf.tensor(['a']))).rejects.toThrow('tfjs: a tensor of string; cast it to float32');
    await expect(latentsFromTfjs(tf.complex([1], [1]))).rejects.toThrow('a tensor of complex64');
  });
  it('gives textures of other backends back, and the copy where it cannot be used', async () => {
    const disposed: string[] = [];
    const like = (copy: object) => ({
      shape: [2],
      dtype: 'float32',
      dataToGPU: () => ({ tensorRef: { dispose: () => disposed.push('copy') }, ...copy }),
      data: async () => Float32Array.of(3, 4),
    });
    const { latents } = await latentsFromTfjs(like({ texture: {}, texShape: [1, 2] }));
    expect(latents.tensor).toEqual({ dtype: 'float32', shape: [2], data: Float32Array.of(3, 4) });
    expect(disposed).toEqual(['copy']);
    await expect(latentsFromTfjs(like({ buffer: { size: 4, usage: 0x80 } }))).rejects.toThrow('the buffer has 4');
    expect(disposed).toEqual(['copy', 'copy']);
  });
});
