// diffusers' tensor/binary: answers and requests of real HTTP servers, as its remote_utils.py reads and makes them.

import { afterEach, describe, expect, it } from 'vitest';
import { loadTensorBinary } from '../../src/adapters/diffusers';
import { LatentPreviewError } from '../../src/index';
import { serve } from './pictures';

let close: () => void = () => {};
afterEach(() => close());

/** 1, −2, 0.5 and 65504 as half floats; two channels of 1 × 2. */
const halves = Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x7bff);

async function endpoint(headers: Record<string, string>, body: Uint8Array, status = 200): Promise<string> {
  const { server, address } = await serve((_, response) => {
    response.writeHead(status, headers);
    response.end(body);
  });
  close = () => void server.close();
  return address;
}

describe('an endpoint’s answer', () => {
  const described = { 'content-type': 'tensor/binary', shape: '[1, 2, 1, 2]', dtype: 'float16' };
  const body = new Uint8Array(halves.buffer);
  it('is read as its headers say', async () => {
    const progress: number[] = [];
    const latents = await loadTensorBinary(await fetch(await endpoint(described, body)), {
      layout: 'NCHW',
      onProgress: ({ loaded }) => progress.push(loaded),
    });
    expect(latents.tensor).toEqual({ dtype: 'float16', shape: [1, 2, 1, 2], data: halves });
    expect(latents).toMatchObject({ domain: 'model', domainFrom: 'default', layout: 'NCHW' });
    expect(progress.at(-1)).toBe(8);
  });
  it.each([
    ['float32', Float32Array.of(1, 2, 3, 4)],
    ['bfloat16', Uint16Array.of(0x3f80, 0x4000, 0, 0x8000)],
  ] as const)('of %s', async (dtype, data) => {
    const address = await endpoint({ ...described, dtype }, new Uint8Array(data.buffer));
    const { tensor } = await loadTensorBinary(await fetch(address), { format: 'sdxl', domain: 'vae' });
    expect(tensor).toEqual({ dtype, shape: [1, 2, 1, 2], data });
  });
  it('whose headers a browser hides is read as the caller says', async () => {
    const address = await endpoint({}, body);
    const { tensor } = await loadTensorBinary(await fetch(address), { shape: [2, 1, 2], dtype: 'float16' });
    expect(tensor).toEqual({ dtype: 'float16', shape: [2, 1, 2], data: halves });
  });
  it.each([
    [{ ...described, shape: '[1, 2, 1, 3]' }, 'shape', 'needs 12 bytes, got 8'],
    [{ ...described, shape: '[1000000, 1000000, 1000000]' }, 'shape', 'more than 2^53 elements'],
    [{ ...described, shape: '[1, -2]' }, 'shape', "header 'shape' is '[1, -2]', not a list of sizes"],
    [{ ...described, shape: '(1, 2)' }, 'shape', "header 'shape' is '(1, 2)'"],
    [{ ...described, shape: '[]' }, 'shape', "header 'shape' is '[]'"],
    [{ dtype: 'float16' }, 'shape', "no header 'shape'; pass `shape`, or let the server send Access-Control-Expose"],
    [{ shape: '[4]' }, 'shape', "no header 'dtype'; latents are float32, float16, bfloat16"],
    [{ ...described, dtype: 'uint8' }, 'shape', "dtype 'uint8'; that is a finished picture"],
    [{ ...described, dtype: 'complex64' }, 'shape', "dtype 'complex64'; latents are"],
  ])('with the headers %j is refused', async (headers, code, said) => {
    const error = await loadTensorBinary(await fetch(await endpoint(headers, body))).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LatentPreviewError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(said) });
  });
  it('that is an error is told', async () => {
    const address = await endpoint(described, Buffer.from('{"error":"overloaded"}'), 503);
    await expect(loadTensorBinary(await fetch(address))).rejects.toMatchObject({
      code: 'file',
      message: `tensor/binary: ${address}/ answered 503 Service Unavailable`,
    });
  });
});

describe('a request of remote_decode', () => {
  const request = (query: string, body: Uint8Array<ArrayBuffer>) =>
    new Request(`http://127.0.0.1:8000/?${query}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'tensor/binary' },
    });
  const body = new Uint8Array(halves.buffer);
  // As Python's requests writes params: a list as one parameter per entry, True as a word.
  const asked =
    'image_format=jpg&output_type=pil&partial_postprocess=False&shape=1&shape=2&shape=1&shape=2&dtype=float16';
  it('holds latents in the domain that its scaling implies', async () => {
    const [raw, scaled, old, said] = await Promise.all([
      loadTensorBinary(request(asked, body)),
      loadTensorBinary(request(`${asked}&scaling_factor=0.13025`, body)),
      loadTensorBinary(request(`${asked}&do_scaling=True`, body)),
      loadTensorBinary(request(asked, body), { domain: 'model' }),
    ]);
    expect(raw.tensor).toEqual({ dtype: 'float16', shape: [1, 2, 1, 2], data: halves });
    expect([raw, scaled, old, said].map(({ domain }) => domain)).toEqual(['vae', 'model', 'model', 'model']);
  });
  it('of packed latents says how many rows and columns they have', async () => {
    const packed =
      'shape=1&shape=6&shape=64&dtype=bfloat16&height=32&width=48&scaling_factor=0.3611&shift_factor=0.1159';
    const flux = await loadTensorBinary(request(packed, new Uint8Array(6 * 64 * 2)), { format: 'flux' });
    expect(flux).toMatchObject({ size: { height: 4, width: 6 }, format: { id: 'flux' }, domain: 'model' });
    expect(await loadTensorBinary(request(packed, new Uint8Array(6 * 64 * 2)))).not.toHaveProperty('size');
  });
  it('may write its shape as JSON; without one it is refused', async () => {
    const json = await loadTensorBinary(request('shape=[1,2,1,2]&dtype=float16', body));
    expect(json.tensor.shape).toEqual([1, 2, 1, 2]);
    await expect(loadTensorBinary(request('dtype=float16', body))).rejects.toThrow("no query 'shape'");
    await expect(loadTensorBinary(request('shape=[1,2,1,2]', body))).rejects.toThrow("no query 'dtype'");
  });
});
