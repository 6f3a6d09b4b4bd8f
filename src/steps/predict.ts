// x0 from what a server has: a noisy sample and the model's output, or two samples a step apart. On the CPU, or on a device,
// where its result is decoded in place. Which formula is factors.ts; here both tensors are checked and combined.

import { LatentPreviewError } from '../errors';
import { recordCombine, uploadTensor } from '../gpu/combine';
import type { GpuTensor, Latents } from '../latents';
import { combine } from '../ops/combine';
import { elementCount, formatShape, type Tensor } from '../tensor';
import {
  type Factors,
  type NoiseLevel,
  type NoiseLevels,
  type Prediction,
  predictionFactors,
  stepFactors,
  wrong,
} from './factors';

/** Where x0 is computed. */
export interface ComputeOptions {
  /**
   * A previewer's, or your own: x0 is computed there and its tensor lies in a buffer. Undefined: on the CPU, which does for
   * latents in CPU memory: it is two products a number.
   */
  readonly device?: GPUDevice | undefined;
  /**
   * Recorded into it and not submitted; for latents in buffers of the device. Undefined: submitted at once, before whatever
   * you submit next.
   */
  readonly encoder?: GPUCommandEncoder | undefined;
  /**
   * Where x0 goes: with `GPUBufferUsage.STORAGE`, four bytes per element or more, and not the buffer of what it is made
   * from. Undefined: a new buffer, with `STORAGE` and `COPY_SRC`.
   */
  readonly buffer?: GPUBuffer | undefined;
}

/** For `sample` the noise level may be left out. */
export type PredictOptions = ComputeOptions &
  (
    | ({ readonly prediction: Exclude<Prediction, 'sample' | 'flow'> } & NoiseLevel)
    | { readonly prediction: 'flow'; readonly sigma: number; readonly alphaCumprod?: undefined }
    | ({ readonly prediction: 'sample' } & Partial<NoiseLevel>)
  );

/**
 * The picture that a diffusion model has in mind at a step: x0 from the noisy sample and what the model said of it, after
 * guidance. Both are latents of one shape and layout in the model domain, of any dtype; x0 is float32 with the sample's
 * format, domain, layout and size. Where either is NaN or infinite, so is x0 (NaN), which previewers show as 0.
 *
 * Without `device` the result lies in CPU memory. With it, in a GPU buffer that is yours: the one that you passed, or a new
 * one that you free with `x0.tensor.buffer.destroy()` once what reads it was submitted.
 * @param sample as the scheduler holds it, before `scale_model_input`
 * @param modelOutput what the network said, with guidance applied
 * @throws LatentPreviewError `shape` (shapes, layouts, noise levels; latents in GPU memory without `device`), `format` (of
 *   two families, or not in the model domain), `gpu-limit`. What a device objects to goes to its error scopes.
 */
export function predictX0(
  sample: Latents,
  modelOutput: Latents,
  { prediction, sigma, alphaCumprod, ...where }: PredictOptions,
): Latents {
  const factors = predictionFactors(prediction, { sigma, alphaCumprod } as Partial<NoiseLevel>);
  requireModelDomain(sample, 'sample');
  requireModelDomain(modelOutput, 'model output');
  return combineLatents([sample, modelOutput], ['the sample', 'the model output'], factors, where);
}

/**
 * The same from two consecutive samples, for servers that send only these: where the line through both ends. Exact where
 * a step of Euler's method (`sigmas`, flows too) or of DDIM with eta 0 (`alphasCumprod`) led from one to the other, near for
 * deterministic solvers of higher order, wrong for ancestral and SDE samplers, which add noise. What the samples were
 * rounded by comes out σ / |σ' − σ| times as large: short steps of half floats show grain.
 *
 * Samples and result are as for {@link predictX0}; with `sigmas`, which weigh the two by numbers that add up to 1, both may
 * be in the `vae` domain, as ComfyUI saves them.
 * @param sample before the step, `next` after it
 * @throws LatentPreviewError as {@link predictX0}; `shape` where both levels are the same
 */
export function predictX0FromSteps(
  sample: Latents,
  next: Latents,
  { sigmas, alphasCumprod, ...where }: ComputeOptions & NoiseLevels,
): Latents {
  const factors = stepFactors({ sigmas, alphasCumprod } as Partial<NoiseLevels>);
  if (!sigmas) {
    requireModelDomain(sample, 'first sample');
    requireModelDomain(next, 'second sample');
  }
  return combineLatents([sample, next], ['the first sample', 'the second'], factors, where);
}

function requireModelDomain({ domain }: Latents, what: string): void {
  if (domain !== 'model')
    throw new LatentPreviewError(
      'format',
      `predictX0: the ${what} is in the '${domain}' domain; the formulas hold for 'model', as the sampler has them`,
    );
}

type Pair<T> = readonly [T, T];

function combineLatents(
  latents: Pair<Latents>,
  names: Pair<string>,
  factors: Factors,
  { device, encoder, buffer }: ComputeOptions,
): Latents {
  const [first, second] = latents;
  requireAlike(latents, names);
  const { shape } = first.tensor;
  const meaning = {
    ...first,
    ...((first.format ?? second.format) && { format: first.format ?? second.format }),
    ...((first.layout ?? second.layout) && { layout: first.layout ?? second.layout }),
    ...((first.size ?? second.size) && { size: first.size ?? second.size }),
  };
  if (!device) {
    if (encoder || buffer) throw wrong('`encoder` and `buffer` need the `device` that they belong to');
    if ('buffer' in first.tensor || 'buffer' in second.tensor)
      throw wrong('the latents lie in a GPU buffer; pass the `device` that it belongs to');
    const data = combine.reference(first.tensor, second.tensor, { factors });
    return { ...meaning, tensor: { dtype: 'float32', shape, data } };
  }
  const tensor = combineOnGpu([first.tensor, second.tensor], factors, { device, encoder, buffer });
  return { ...meaning, tensor };
}

function combineOnGpu(
  tensors: Pair<Tensor | GpuTensor>,
  factors: Factors,
  { device, encoder, buffer }: ComputeOptions & { device: GPUDevice },
): GpuTensor {
  const { shape } = tensors[0];
  if (encoder && tensors.some((tensor) => !('buffer' in tensor)))
    throw wrong('with `encoder` both must lie in GPU buffers; leave it out, or compute on the CPU without `device`');
  if (buffer) requireRoom(buffer, tensors);
  const uploaded: GPUBuffer[] = [];
  const size = 4 * elementCount(shape);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const made = buffer ? undefined : device.createBuffer({ label: 'x0', size, usage });
  try {
    const [first, second] = tensors.map((tensor) => {
      if ('buffer' in tensor) return tensor;
      const there = uploadTensor(device, tensor);
      uploaded.push(there.buffer);
      return there;
    }) as [GpuTensor, GpuTensor];
    const result = buffer ?? (made as GPUBuffer);
    const into = encoder ?? device.createCommandEncoder({ label: 'x0' });
    recordCombine(device, into, [first, second], { factors }, result);
    if (!encoder) device.queue.submit([into.finish()]);
    return { buffer: result, offset: 0, dtype: 'float32', shape };
  } catch (error) {
    made?.destroy();
    throw error;
  } finally {
    // What was submitted still reads them.
    for (const one of uploaded) one.destroy();
  }
}

function requireRoom(buffer: GPUBuffer, tensors: Pair<Tensor | GpuTensor>): void {
  const needed = 4 * elementCount(tensors[0].shape);
  if (buffer.size < needed || !(buffer.usage & GPUBufferUsage.STORAGE))
    throw wrong(
      `\`buffer\` '${buffer.label}' has ${buffer.size} bytes and usage ${buffer.usage}; needed are ${needed} bytes ` +
        'and GPUBufferUsage.STORAGE',
    );
  if (tensors.some((tensor) => 'buffer' in tensor && tensor.buffer === buffer))
    throw wrong(`\`buffer\` '${buffer.label}' holds what x0 is made from; pass another one`);
}

/** One shape and layout, and not of two families or domains. */
function requireAlike([first, second]: Pair<Latents>, [one, other]: Pair<string>): void {
  const [shape, shape2] = [first.tensor.shape, second.tensor.shape];
  if (shape.length !== shape2.length || shape.some((size, axis) => size !== shape2[axis]))
    throw wrong(
      `${one} has shape ${formatShape(shape)}, ${other} ${formatShape(shape2)}; needed are two of one shape: ` +
        'a model output after guidance, without the channels of a learned variance',
    );
  if (elementCount(shape) === 0) throw wrong(`${one} has shape ${formatShape(shape)}, which has no elements`);
  if (first.layout && second.layout && first.layout !== second.layout)
    throw wrong(`${one} has layout ${first.layout}, ${other} ${second.layout}; needed is one`);
  const [size, size2] = [first.size, second.size];
  if (size && size2 && (size.height !== size2.height || size.width !== size2.width))
    throw wrong(`${one} is ${size.height}×${size.width}, ${other} ${size2.height}×${size2.width}; needed is one size`);
  if (first.format && second.format && first.format.base !== second.format.base)
    throw new LatentPreviewError(
      'format',
      `predictX0: ${one} is '${first.format.id}', ${other} '${second.format.id}'; needed are two of one family`,
    );
  if (first.domain !== second.domain)
    throw new LatentPreviewError(
      'format',
      `predictX0: ${one} is in the '${first.domain}' domain, ${other} in '${second.domain}'; needed is one domain`,
    );
}
