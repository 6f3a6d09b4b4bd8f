// What diffusers calls `tensor/binary`: a tensor's bytes as an HTTP body, its shape and type beside them. Its remote VAEs
// answer so (`remote_encode`), and are asked so (`remote_decode`).

import {
  type DType,
  formats,
  type LatentOptions,
  LatentPreviewError,
  type Latents,
  type LoadOptions,
  loadLatents,
  type Shape,
} from '../index';

export interface TensorBinaryOptions extends LoadOptions, LatentOptions {
  /** Where headers and query say nothing, or a browser may not read them. */
  readonly shape?: Shape;
  /** Likewise: `float32`, `float16`, `bfloat16`. */
  readonly dtype?: string;
}

interface Payload {
  readonly bytes: Response | ArrayBuffer;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly options: LatentOptions;
}

/**
 * Latents from a `tensor/binary` payload: an endpoint's answer, whose headers `shape` (JSON) and `dtype` describe it, or a
 * request that diffusers made, as a server or a service worker gets it, whose query does. A request with `scaling_factor`
 * holds latents as the sampler has them (domain `model`), one without holds them as the VAE takes them (`vae`); its `height`
 * and `width` in pixels are those of packed ones, where `format` is given.
 *
 * Browsers show a page the headers of another origin's answer only where the server sends
 * `Access-Control-Expose-Headers: shape, dtype`; else pass `shape` and `dtype`.
 * @throws LatentPreviewError `file`, `shape` (as rejections) where the payload is not what it says, or does not say it
 */
export async function loadTensorBinary(
  source: Response | Request,
  { shape, dtype, signal, onProgress, ...options }: TensorBinaryOptions = {},
): Promise<Latents> {
  const given = { shape, dtype };
  const payload = 'status' in source ? fromResponse(source, given, options) : await fromRequest(source, given, options);
  return loadLatents(payload.bytes, {
    ...payload.options,
    shape: payload.shape,
    dtype: payload.dtype,
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
}

type Given = Pick<TensorBinaryOptions, 'shape' | 'dtype'>;

function fromResponse(response: Response, given: Given, options: LatentOptions): Payload {
  const { ok, status, statusText, url, headers } = response;
  if (!ok)
    throw new LatentPreviewError(
      'file',
      `tensor/binary: ${url || 'the endpoint'} answered ${status} ${statusText}`.trimEnd(),
    );
  const shape = given.shape ?? readShape(headers.get('shape') ?? undefined, 'header');
  return { bytes: response, shape, dtype: readType(given.dtype ?? headers.get('dtype'), 'header'), options };
}

async function fromRequest(request: Request, given: Given, options: LatentOptions): Promise<Payload> {
  const query = new URL(request.url).searchParams;
  // Python's requests writes a list as one parameter per entry.
  const all = query.getAll('shape');
  const shape = given.shape ?? readShape(all.length > 1 ? `[${all}]` : all[0], 'query');
  const dtype = readType(given.dtype ?? query.get('dtype'), 'query');
  const scaled = query.has('scaling_factor') || query.get('do_scaling') === 'True';
  const [height, width] = ['height', 'width'].map((name) => Number(query.get(name)));
  const { format } = options;
  const downscale = (typeof format === 'string' ? formats[format] : format)?.spatialDownscale;
  const size = height && width && downscale ? { height: height / downscale, width: width / downscale } : undefined;
  return {
    bytes: await request.arrayBuffer(),
    shape,
    dtype,
    options: {
      domain: scaled ? 'model' : 'vae',
      // Two axes or three hold tokens; of others nobody needs to know.
      ...(size && shape.length <= 3 ? { size } : {}),
      ...options,
    },
  };
}

function readShape(text: string | undefined, where: string): Shape {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    // Said below.
  }
  if (Array.isArray(value) && value.length > 0 && value.every((length) => Number.isSafeInteger(length) && length > 0))
    return value;
  throw new LatentPreviewError(
    'shape',
    `tensor/binary: ${text === undefined ? `no ${where} 'shape'` : `${where} 'shape' is '${text.slice(0, 40)}', not a list of sizes`}; ` +
      'pass `shape`, or let the server send Access-Control-Expose-Headers: shape, dtype',
  );
}

function readType(text: string | null | undefined, where: string): DType {
  if (text === 'float32' || text === 'float16' || text === 'bfloat16') return text;
  const what = text === null || text === undefined ? `no ${where} 'dtype'` : `dtype '${text}'`;
  const remedy =
    text === 'uint8' ? 'that is a finished picture, not latents' : 'latents are float32, float16, bfloat16';
  throw new LatentPreviewError('shape', `tensor/binary: ${what}; ${remedy}`);
}
