// How the per-pixel kernels cover a picture: one invocation per pixel, rows along x so that neighbours read neighbours.

import type { Kernel } from './op';

/** Workgroup size and count for `width` × `height` pixels; the shader's overrides and the dispatch share the numbers. */
export function pixelGrid(
  width: number,
  height: number,
  groupWidth = 16,
  groupHeight = 4,
): Pick<Kernel, 'constants' | 'workgroups'> {
  return {
    constants: { groupWidth, groupHeight },
    workgroups: [Math.ceil(width / groupWidth), Math.ceil(height / groupHeight), 1],
  };
}

/**
 * A row of `lanes` pixels for kernels that keep `floatsPerPixel` numbers of each pixel in workgroup memory: as many as
 * fit, at most 64. 0 where not even one fits.
 */
export function lanesThatFit(floatsPerPixel: number, workgroupStorageBytes: number): number {
  const fit = Math.floor(workgroupStorageBytes / (4 * floatsPerPixel));
  return Math.min(64, fit < 1 ? 0 : 2 ** Math.floor(Math.log2(fit)));
}
