// Polynomial maps of a pixel's channels to RGB: affine, quadratic or cubic, from a flat list of coefficients.

import { LatentPreviewError } from '../errors';
import type { OutputActivation } from '../formats/format';
import { layer, linear as linearOp, polynomial as polynomialOp } from '../ops/index';
import { monomialCount } from '../ops/polynomial';
import type { Decoder } from './decoder';

export interface PolynomialOptions {
  readonly channels: number;
  readonly degree: 1 | 2 | 3;
  /**
   * For each of R, G, B in turn, either
   * - the unique monomials in the order 1, zᵢ…, zᵢzⱼ (i ≤ j)…, zᵢzⱼzₗ (i ≤ j ≤ l)…, each group in lexicographic order, or
   * - the full tensors 1, (C), (C, C), (C, C, C), row by row, whose symmetric entries are added up:
   *   63 numbers for a quadratic and 255 for a cubic map of 4 channels.
   */
  readonly coefficients: readonly number[] | Float32Array | Float64Array;
  /** Default `clamp` from −1..1. */
  readonly outputActivation?: OutputActivation;
  readonly outputRange?: readonly [number, number];
  readonly name?: string;
}

/** Takes model latents (C, H, W), gives H × W pixels. @throws LatentPreviewError `weights` */
export function polynomial({
  channels,
  degree,
  coefficients,
  outputActivation = 'clamp',
  outputRange = [-1, 1],
  name = ['affine', 'quadratic', 'cubic'][degree - 1] ?? 'polynomial',
}: PolynomialOptions): Decoder {
  const unique = monomialCount(channels, degree);
  const full = fullCount(channels, degree);
  if (coefficients.length !== 3 * unique && coefficients.length !== 3 * full)
    throw new LatentPreviewError(
      'weights',
      `polynomial: degree ${degree} of ${channels} channels takes ${3 * unique} coefficients (unique monomials) or ` +
        `${3 * full} (full tensors), got ${coefficients.length}`,
    );
  const bad = coefficients.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new LatentPreviewError(
      'weights',
      `polynomial: coefficient ${bad} is ${coefficients[bad]}, not a finite number`,
    );

  const folded = new Float64Array(unique * 3);
  const perColour = coefficients.length / 3;
  const monomials = coefficients.length === 3 * full ? tensorMonomials : uniqueMonomials;
  const places = nestedPlaces(channels, degree);
  for (let plane = 0; plane < 3; plane++) {
    let next = plane * perColour;
    for (const monomial of monomials(channels, degree)) {
      const place = places.get([...monomial].sort((a, b) => a - b).join()) ?? 0;
      folded[place * 3 + plane] += coefficients[next++];
    }
  }
  const weights = Float32Array.from(folded);
  return {
    name,
    channels,
    domain: 'model',
    upscale: 1,
    layers: [
      degree === 1
        ? layer(linearOp, { factors: weights.subarray(3), bias: weights.subarray(0, 3) })
        : layer(polynomialOp, { channels, degree, coefficients: weights }),
    ],
    output: { activation: outputActivation, range: outputRange },
  };
}

const fullCount = (channels: number, degree: number): number =>
  Array.from({ length: degree + 1 }, (_, power) => channels ** power).reduce((sum, count) => sum + count, 0);

/** Every index tuple of each power's full tensor, row by row. */
function* tensorMonomials(channels: number, degree: number): Generator<readonly number[]> {
  for (let power = 0; power <= degree; power++)
    for (let flat = 0; flat < channels ** power; flat++) {
      const monomial: number[] = [];
      for (let k = power - 1; k >= 0; k--) monomial.push(Math.floor(flat / channels ** k) % channels);
      yield monomial;
    }
}

/** The non-decreasing ones alone. */
function* uniqueMonomials(channels: number, degree: number): Generator<readonly number[]> {
  for (let power = 0; power <= degree; power++) yield* rising(channels, power, 0);
}

function* rising(channels: number, power: number, first: number): Generator<readonly number[]> {
  if (power === 0) yield [];
  else for (let i = first; i < channels; i++) for (const rest of rising(channels, power - 1, i)) yield [i, ...rest];
}

/** Where the kernel's nested loops (ops/polynomial.ts) meet each monomial. */
function nestedPlaces(channels: number, degree: number): Map<string, number> {
  const places = new Map<string, number>();
  const visit = (monomial: readonly number[]): void => {
    places.set(monomial.join(), places.size);
    if (monomial.length === degree) return;
    for (let i = monomial.at(-1) ?? 0; i < channels; i++) visit([...monomial, i]);
  };
  visit([]);
  return places;
}
