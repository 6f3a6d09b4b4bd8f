// The decoder that `--decoder` names: a file of weights, a fitted map, or JSON.

import { readFile } from 'node:fs/promises';
import { type LatentMap, latentMap, readLatentMap } from '../fit/index';
import {
  type Decoder,
  type DecoderName,
  decoderFromWeights,
  LatentPreviewError,
  loadWeights,
  mlp,
  type PolynomialOptions,
  polynomial,
  type WeightsJson,
} from '../index';
import { UsageError } from './command';

/** What createPreviewer knows by name. */
export const decoderName = (name: string | undefined): DecoderName | undefined =>
  (['auto', 'mini', 'map', 'linear'] as const).find((known) => known === name);

/**
 * Undefined where the format brings its decoder: {@link decoderName}.
 * @throws UsageError where there is no such file; LatentPreviewError `file`, `weights` where it holds no decoder
 */
export async function readDecoder(name?: string): Promise<Decoder | undefined> {
  if (name === undefined || decoderName(name)) return undefined;
  const bytes = await readFile(name).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOENT'
      ? new UsageError(`--decoder ${name}: it must be auto, mini, map, linear or a file, and there is no such file`)
      : cause;
  });
  try {
    // JSON has no zeros; the length in front of a safetensors header ends in them.
    if (bytes[7] !== 0 && /^\s*\{/.test(bytes.subarray(0, 64).toString('latin1')))
      return decoderFromJson(parseJson(bytes.toString('utf8')));
    const weights = await loadWeights(bytes);
    // All else of a fitted map is in the file's metadata.
    const isMap = [...weights.keys()].join() === 'coefficients';
    return isMap ? latentMap(await readLatentMap(bytes)) : decoderFromWeights(weights);
  } catch (error) {
    if (error instanceof LatentPreviewError) throw new LatentPreviewError(error.code, `${name}: ${error.message}`);
    throw error;
  }
}

/** A fitted map, polynomial coefficients with their degree, or a state dict of a perceptron. */
function decoderFromJson(json: object): Decoder {
  if ('coefficients' in json)
    return 'degree' in json ? polynomial(json as PolynomialOptions) : latentMap(json as LatentMap);
  if (Object.keys(json).some((key) => key.endsWith('.weight'))) return mlp(json as WeightsJson);
  throw new LatentPreviewError(
    'weights',
    'decoder: this JSON is neither a fitted map, nor polynomial coefficients, nor an MLP; its keys are ' +
      Object.keys(json).slice(0, 8).join(', '),
  );
}

function parseJson(text: string): object {
  try {
    return JSON.parse(text) as object;
  } catch (cause) {
    throw new LatentPreviewError('weights', `decoder: not valid JSON (${(cause as Error).message})`, { cause });
  }
}
