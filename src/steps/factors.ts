// Where x0 is, by the published formulas: each is a sum sample · p + other · q, whose two factors are worked out here in
// float64. What they are applied to, and where, is predict.ts. The formulas are facts, checked against the schedulers of
// huggingface/diffusers (Apache-2.0) and crowsonkb/k-diffusion (MIT); where each was published stands beside it.

import { LatentPreviewError } from '../errors';

/**
 * What the network was trained to say:
 * - `epsilon`: the noise
 * - `v`: the velocity of Salimans & Ho, √ᾱ · noise − √(1−ᾱ) · x0
 * - `flow`: the velocity of rectified flow, noise − x0 (SD3, FLUX, Wan, …)
 * - `sample`: x0 itself
 */
export type Prediction = 'epsilon' | 'v' | 'flow' | 'sample';

/**
 * How noisy the sample is, as its scheduler counts. One of the two:
 * - `sigma`: for samples x0 + σ · noise (Euler, Heun, LMS, k-diffusion, ComfyUI), and for flows (1−σ) · x0 + σ · noise
 * - `alphaCumprod`: ᾱ in 0..1, for samples √ᾱ · x0 + √(1−ᾱ) · noise (diffusers' DDIM, DDPM, PNDM, DPM++, UniPC);
 *   1 / (σ² + 1) where only the sigma is known
 */
export type NoiseLevel =
  | { readonly sigma: number; readonly alphaCumprod?: undefined }
  | { readonly alphaCumprod: number; readonly sigma?: undefined };

/** Of the sample that was, and of the one after the step. */
export type NoiseLevels =
  | { readonly sigmas: readonly [from: number, to: number]; readonly alphasCumprod?: undefined }
  | { readonly alphasCumprod: readonly [from: number, to: number]; readonly sigmas?: undefined };

/** p and q: x0 = first · p + second · q. */
export type Factors = readonly [number, number];

export const wrong = (what: string): LatentPreviewError => new LatentPreviewError('shape', `predictX0: ${what}`);

/** Of a sample and a model's output. @throws LatentPreviewError `shape` where the level is none, or says nothing of x0 */
export function predictionFactors(prediction: Prediction, { sigma, alphaCumprod }: Partial<NoiseLevel>): Factors {
  if (!['epsilon', 'v', 'flow', 'sample'].includes(prediction))
    throw wrong(`prediction is '${prediction}', it can be 'epsilon', 'v', 'flow' or 'sample'`);
  // diffusers, DDIMScheduler.step and EulerDiscreteScheduler.step, prediction_type `sample`: x0 = output.
  if (prediction === 'sample') return [0, 1];
  if ((sigma === undefined) === (alphaCumprod === undefined))
    throw wrong(
      `prediction '${prediction}' needs the noise level: \`sigma\` or \`alphaCumprod\`, ` +
        `${sigma === undefined ? 'got neither' : 'not both'}`,
    );
  if (sigma !== undefined) return ofSigma(prediction, checkSigma(sigma, prediction === 'flow' ? 1 : undefined));
  const alpha = checkAlpha(alphaCumprod as number);
  if (prediction === 'flow')
    throw wrong("prediction 'flow' goes with `sigma` (0 to 1): a flow's samples are (1−σ) · x0 + σ · noise");
  // diffusers, DDIMScheduler.step, prediction_type `v_prediction`: x0 = √ᾱ · x − √(1−ᾱ) · v.
  if (prediction === 'v') return [Math.sqrt(alpha), -Math.sqrt(1 - alpha)];
  if (alpha === 0)
    throw wrong(
      'alphaCumprod is 0 (zero terminal SNR): the sample is noise alone and its epsilon says nothing of x0; ' +
        'show nothing at this step, or use predictX0FromSteps with the next sample',
    );
  // The same, prediction_type `epsilon`: x0 = (x − √(1−ᾱ) · ε) / √ᾱ.
  return [1 / Math.sqrt(alpha), -Math.sqrt(1 - alpha) / Math.sqrt(alpha)];
}

function ofSigma(prediction: Exclude<Prediction, 'sample'>, sigma: number): Factors {
  // diffusers, EulerDiscreteScheduler.step, prediction_type `epsilon`: x0 = x − σ · ε. FlowMatchEulerDiscreteScheduler.step
  // (stochastic_sampling) and DPMSolverMultistepScheduler (`flow_prediction`): x0 = x − σ · v.
  if (prediction !== 'v') return [1, -sigma];
  // diffusers, EulerDiscreteScheduler.step, prediction_type `v_prediction`, which is k-diffusion's VDenoiser with a
  // sigma_data of 1: x0 = x / (σ² + 1) − v · σ / √(σ² + 1).
  const squares = sigma ** 2 + 1;
  return [1 / squares, -sigma / Math.sqrt(squares)];
}

/** Of two samples, one step apart. @throws LatentPreviewError `shape` where the levels are none, or are the same */
export function stepFactors({ sigmas, alphasCumprod }: Partial<NoiseLevels>): Factors {
  if ((sigmas === undefined) === (alphasCumprod === undefined))
    throw wrong(
      `two samples need their noise levels: \`sigmas\` or \`alphasCumprod\`, ${sigmas ? 'not both' : 'got neither'}`,
    );
  const levels = (sigmas ?? alphasCumprod) as readonly unknown[];
  if (!Array.isArray(levels) || levels.length !== 2) throw wrong('two samples need two noise levels, [from, to]');
  const [from, to] = levels.map((level) => (sigmas ? checkSigma(level) : checkAlpha(level))) as [number, number];
  if (from === to)
    throw wrong(`both samples have the noise level ${from}: only two different ones tell the noise from x0`);
  // diffusers, EulerDiscreteScheduler.step: x' = x + (σ' − σ) · (x − x0) / σ; FlowMatchEulerDiscreteScheduler.step:
  // x' = x + (σ' − σ) · v with x0 = x − σ · v. Solved for x0 both are x − σ · (x' − x) / (σ' − σ).
  if (sigmas) return [to / (to - from), -from / (to - from)];
  // diffusers, DDIMScheduler.step with eta 0 (formula 12 of arXiv 2010.02502): x' = √ᾱ' · x0 + √(1−ᾱ') · ε, with the ε of
  // x = √ᾱ · x0 + √(1−ᾱ) · ε; two equations, solved for x0.
  const determinant = Math.sqrt(from * (1 - to)) - Math.sqrt(to * (1 - from));
  return [Math.sqrt(1 - to) / determinant, -Math.sqrt(1 - from) / determinant];
}

function checkSigma(sigma: unknown, most = Number.MAX_VALUE): number {
  if (typeof sigma !== 'number' || !(sigma >= 0 && sigma <= most))
    throw wrong(
      `sigma is ${sigma}; needed is a number of ${most === 1 ? "0 to 1, as a flow's samples are (1−σ) · x0 + σ · noise" : 'at least 0'}, ` +
        'from the scheduler’s `sigmas`; timesteps are something else',
    );
  return sigma;
}

function checkAlpha(alpha: unknown): number {
  if (typeof alpha !== 'number' || !(alpha >= 0 && alpha <= 1))
    throw wrong(`alphaCumprod is ${alpha}; needed is a number of 0 to 1, from the scheduler's \`alphas_cumprod\``);
  return alpha;
}
