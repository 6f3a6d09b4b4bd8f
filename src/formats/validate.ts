// Whether an object is a latent format. Callers hand over their own factors, often from JSON: say what is wrong with
// them here rather than show a wrong picture.

import { LatentPreviewError } from '../errors';
import type { LatentFormat, Packing } from './format';

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
const isFinite3 = (row: unknown): boolean => Array.isArray(row) && row.length === 3 && row.every(Number.isFinite);
const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? String(value);

/**
 * The same object.
 * @throws LatentPreviewError `format` naming the field, what it holds and what it must hold
 */
export function validateFormat(format: LatentFormat): LatentFormat {
  if (format === null || typeof format !== 'object')
    throw new LatentPreviewError('format', `format: ${show(format)} is neither an id nor a LatentFormat object`);
  const name = typeof format.id === 'string' && format.id !== '' ? `format '${format.id}'` : 'format';
  const need = (holds: boolean, field: keyof LatentFormat, wanted: string): void => {
    if (!holds) throw new LatentPreviewError('format', `${name}: ${field} is ${show(format[field])}, needed ${wanted}`);
  };

  need(typeof format.id === 'string' && format.id !== '', 'id', 'a string');
  need(isCount(format.channels), 'channels', 'a positive whole number');
  need(format.dims === 2 || format.dims === 3, 'dims', '2 (pictures) or 3 (video)');
  need(isCount(format.spatialDownscale), 'spatialDownscale', 'a positive whole number');
  need(
    format.temporalDownscale === undefined || isCount(format.temporalDownscale),
    'temporalDownscale',
    'a positive whole number, or nothing',
  );
  const { framesPerSecond = 1 } = format;
  need(Number.isFinite(framesPerSecond) && framesPerSecond > 0, 'framesPerSecond', 'a positive number, or nothing');
  const { scalingFactor = 1, shiftFactor = 0 } = format;
  need(Number.isFinite(scalingFactor) && scalingFactor !== 0, 'scalingFactor', 'a finite number other than 0');
  need(Number.isFinite(shiftFactor), 'shiftFactor', 'a finite number');
  if (format.packing) checkPacking(format.packing, format, name);
  checkStatistics(format, name);
  checkMap(format, name, need);
  return format;
}

function checkPacking(
  { patch, packedChannels, layouts, order }: Packing,
  { channels }: LatentFormat,
  name: string,
): void {
  const fail = (problem: string): never => {
    throw new LatentPreviewError('format', `${name}: packing.${problem}`);
  };
  if (!isCount(patch)) fail(`patch is ${show(patch)}, needed a positive whole number`);
  if (packedChannels !== channels * patch * patch)
    fail(`packedChannels is ${show(packedChannels)}, needed channels × patch² = ${channels * patch * patch}`);
  if (!Array.isArray(layouts) || !layouts.every((layout) => layout === 'channels' || layout === 'tokens'))
    fail(`layouts is ${show(layouts)}, needed a list of 'channels' and 'tokens'`);
  if (order !== undefined && order !== 'channel' && order !== 'patch')
    fail(`order is ${show(order)}, needed 'channel' or 'patch'`);
}

function checkStatistics({ channels, packing, latentsMean, latentsStd }: LatentFormat, name: string): void {
  const lengths = [channels, ...(packing ? [packing.packedChannels] : [])];
  const check = (field: string, values: LatentFormat['latentsMean'], valid: (value: number) => boolean): void => {
    if (values === undefined) return;
    const fail = (problem: string): never => {
      throw new LatentPreviewError('format', `${name}: ${field} ${problem}`);
    };
    if (!Array.isArray(values) || !lengths.includes(values.length))
      fail(`has ${show(Array.isArray(values) ? values.length : values)} entries, needed ${lengths.join(' or ')}`);
    const frames = Array.isArray(values[0]) ? values[0].length : undefined;
    values.forEach((row, channel) => {
      if (frames !== undefined && (!Array.isArray(row) || row.length !== frames || frames === 0))
        fail(`entry ${channel} is ${show(row)}, needed ${frames || 'some'} numbers, one per latent frame`);
      for (const value of frames === undefined ? [row] : (row as readonly number[]))
        if (!valid(value as number)) fail(`entry ${channel} holds ${show(value)}, which is not a usable number`);
    });
  };
  check('latentsMean', latentsMean, Number.isFinite);
  check('latentsStd', latentsStd, (value) => Number.isFinite(value) && value > 0);
}

function checkMap(
  format: LatentFormat,
  name: string,
  need: (holds: boolean, field: keyof LatentFormat, wanted: string) => void,
): void {
  const { channels, latentRgbFactors, latentRgbBias, smoothMatrix, outputActivation, outputRange } = format;
  if (latentRgbFactors !== undefined) {
    if (!Array.isArray(latentRgbFactors) || latentRgbFactors.length !== channels)
      throw new LatentPreviewError(
        'format',
        `${name}: latentRgbFactors has ${show(latentRgbFactors.length)} rows, needed ${channels}, one per channel` +
          `${latentRgbFactors.length === 3 ? '; transpose it' : ''}`,
      );
    const wrong = latentRgbFactors.findIndex((row) => !isFinite3(row));
    if (wrong >= 0)
      throw new LatentPreviewError(
        'format',
        `${name}: latentRgbFactors row ${wrong} is ${show(latentRgbFactors[wrong])}, needed three finite numbers`,
      );
  }
  need(latentRgbBias === undefined || isFinite3(latentRgbBias), 'latentRgbBias', 'three finite numbers');
  need(
    smoothMatrix === undefined || (smoothMatrix.length === 3 && smoothMatrix.every(isFinite3)),
    'smoothMatrix',
    'three rows of three finite numbers',
  );
  need(
    outputActivation === undefined || ['clamp', 'sigmoid', 'oklab'].includes(outputActivation),
    'outputActivation',
    "'clamp', 'sigmoid' or 'oklab'",
  );
  need(
    outputRange === undefined ||
      (Array.isArray(outputRange) &&
        outputRange.length === 2 &&
        outputRange.every(Number.isFinite) &&
        outputRange[0] < outputRange[1]),
    'outputRange',
    'two finite numbers, the lower first',
  );
}
