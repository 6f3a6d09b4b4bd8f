// From sums to coefficients: features brought to mean 0 and deviation 1, a ridge added, Cholesky (ml-matrix).

import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { LatentPreviewError } from '../errors';
import { type FeatureSpec, featureName } from './features';
import type { Sums } from './normal-equations';

/** What multiplies the features less their centre, and what is added. */
export interface Solution {
  /** (features, targets). */
  readonly weights: Matrix;
  /** (targets): the output where every feature is at its centre. */
  readonly constants: Float64Array;
}

/** The equations of one fit, ready to be solved with any ridge. */
export interface Equations {
  /** Correlations of the features, (features, features). */
  readonly correlations: Matrix;
  /** Features with targets, (features, targets), in units of the features' deviations. */
  readonly goals: Matrix;
  readonly deviations: Float64Array;
  /** Of the features less their centre, then of the targets; zeros where the kind has no constant. */
  readonly means: Float64Array;
}

/** A feature of which less than this share is not given by those before it. */
const dependentShare = 1e-10;

/** @throws LatentPreviewError `shape`: too few pixels, or features that are the same everywhere */
export function equations(sums: Sums, spec: FeatureSpec): Equations {
  const { features, targets, pixels, products, stride, totals, centre } = sums;
  if (pixels <= features)
    throw new LatentPreviewError(
      'shape',
      `fit: ${pixels} latent pixels are too few for ${features + 1} coefficients per output; ` +
        'add pairs, or take a smaller neighbourhood or a lower kind',
    );
  const hasConstant = spec.kind !== 'linear';
  const means = totals.map((total) => (hasConstant ? total / pixels : 0));
  const covariance = (i: number, j: number): number => products[i * stride + j] / pixels - means[i] * means[j];
  const deviations = Float64Array.from({ length: features }, (_, i) => Math.sqrt(Math.max(0, covariance(i, i))));
  const flat = [...deviations.keys()].filter(
    (i) => deviations[i] <= 1e-7 * Math.max(Math.abs(means[i] + centre[i]), deviations[i], 1e-30),
  );
  if (flat.length > 0)
    throw new LatentPreviewError(
      'shape',
      `fit: ${listed(spec, flat)} the same in every pixel; the latents may be of another format or layout, or the ` +
        'pictures plain: add pairs',
    );
  const correlations = new Matrix(features, features);
  const goals = new Matrix(features, targets);
  for (let i = 0; i < features; i++) {
    for (let j = i; j < features; j++) {
      const value = covariance(i, j) / (deviations[i] * deviations[j]);
      correlations.set(i, j, value);
      correlations.set(j, i, value);
    }
    for (let t = 0; t < targets; t++) goals.set(i, t, covariance(i, features + t) / deviations[i]);
  }
  return { correlations, goals, deviations, means };
}

/** @throws LatentPreviewError `shape` naming the features that others give, so that many maps would do equally well */
export function requireIndependent({ correlations }: Equations, spec: FeatureSpec): void {
  // So little on the diagonal that no pivot reaches zero, and every pivot below the limit shows.
  const pivots = factor(correlations, dependentShare / 100).lowerTriangularMatrix.diagonal();
  const dependent = [...pivots.keys()].filter((i) => !(pivots[i] ** 2 > dependentShare));
  if (dependent.length > 0)
    throw new LatentPreviewError(
      'shape',
      `fit: ${listed(spec, dependent)} given by the features before; are channels repeated, or pictures too plain? ` +
        'Add pairs, take a smaller neighbourhood, or pass a ridge above 0',
    );
}

/** Names of the first few, and the verb. */
function listed(spec: FeatureSpec, features: readonly number[]): string {
  const names = features.slice(0, 3).map((feature) => featureName(spec, feature));
  const more = features.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more features` : ''} ${features.length > 1 ? 'are' : 'is'}`;
}

function factor(correlations: Matrix, ridge: number): CholeskyDecomposition {
  const matrix = correlations.clone();
  for (let i = 0; i < matrix.rows; i++) matrix.set(i, i, matrix.get(i, i) + ridge);
  return new CholeskyDecomposition(matrix);
}

/** @throws LatentPreviewError `shape` where the ridge is too small for features as alike as these */
export function solve({ correlations, goals, deviations, means }: Equations, ridge: number): Solution {
  const decomposition = factor(correlations, ridge);
  if (!decomposition.isPositiveDefinite())
    throw new LatentPreviewError('shape', `fit: features depend on each other; a ridge of ${ridge} is too small`);
  const weights = decomposition.solve(goals);
  const constants = Float64Array.from(means.subarray(deviations.length));
  for (let i = 0; i < weights.rows; i++)
    for (let t = 0; t < weights.columns; t++) {
      const weight = weights.get(i, t) / deviations[i];
      weights.set(i, t, weight);
      constants[t] -= weight * means[i];
    }
  return { weights, constants };
}

/** Mean squared error of a solution over the pixels of any sums with the same centre. */
export function meanSquare(sums: Sums, { weights, constants }: Solution): number {
  const { features, targets, products, stride, totals, pixels } = sums;
  let total = sums.squares;
  for (let t = 0; t < targets; t++) {
    const constant = constants[t];
    total += constant * (constant * pixels - 2 * totals[features + t]);
    for (let i = 0; i < features; i++) {
      const row = i * stride;
      const weight = weights.get(i, t);
      let sum = 2 * (constant * totals[i] - products[row + features + t]) + weight * products[row + i];
      for (let j = i + 1; j < features; j++) sum += 2 * products[row + j] * weights.get(j, t);
      total += weight * sum;
    }
  }
  // Rounding may leave a perfect fit just below zero.
  return Math.max(0, total) / (pixels * targets);
}
