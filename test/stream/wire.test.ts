// The wire format against bytes written by hand: what is read, what is written, and what is refused, with the byte named.

import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { formats, latentsFromArray } from '../../src/index';
import { decodeLatents, encodeLatents } from '../../src/stream/index';
import { documentedPacket, packet, type Written } from './packets';

const halves = [0, 0x3c00, 0xbc00, 0x3800, 0x4000, 0xc000, 0x3400, 0x4200];

describe('the documented example', () => {
  it('is read as the document says', async () => {
    const { latents, ...step } = await decodeLatents(documentedPacket());
    expect(latents.tensor).toEqual({ dtype: 'float16', shape: [1, 4, 1, 2], data: Uint16Array.from(halves) });
    expect(latents).toMatchObject({ domain: 'model', domainFrom: 'file', layout: 'NCHW', format: { id: 'sdxl' } });
    expect(step).toEqual({
      ...{ step: 7, steps: 30, timestep: 601, sigma: undefined, content: 'x0', formatId: 'sdxl' },
      ...{ items: { first: 0, total: undefined }, frames: { first: 0, stride: 1, total: undefined } },
      ...{ dtype: 'float16', bytes: 120, missed: 0 },
    });
  });

  it('is written as the document says', async () => {
    const latents = latentsFromArray(Float32Array.from([0, 1, -1, 0.5, 2, -2, 0.25, 3]), {
      shape: [1, 4, 1, 2],
      format: 'sdxl',
      domain: 'model',
    });
    const written = await encodeLatents(latents, { step: 7, steps: 30, timestep: 601, content: 'x0' });
    expect(Buffer.from(written).toString('hex')).toBe(Buffer.from(documentedPacket()).toString('hex'));
  });
});

describe('numbers', () => {
  it('of uint8 are x / 6 + 0.5, both ways, cut off at −3 and 3', async () => {
    const { latents } = await decodeLatents(
      packet({ bytes: Uint8Array.from({ length: 24 }, (_, k) => [0, 255, 51][k % 3]!) }),
    );
    expect(latents.tensor).toMatchObject({ dtype: 'float32', shape: [1, 4, 2, 3] });
    const { data } = latents.tensor as { data: Float32Array };
    expect([...data.subarray(0, 3)]).toEqual([-3, 3, Math.fround(-1.8)]);
    const values = [-3, 3, -1.8, 0, 9, -9, Number.NaN, 2.9999, 0.0118, -0.0118, Number.POSITIVE_INFINITY, 1];
    const written = await encodeLatents(latentsFromArray(Float32Array.from(values), { shape: [1, 12, 1, 1] }), {
      dtype: 'uint8',
    });
    expect([...written.subarray(80)]).toEqual([0, 255, 51, 128, 255, 0, 128, 255, 128, 127, 255, 170]);
  });

  it('of bfloat16 are rounded to even, and NaN stays NaN', async () => {
    const bits = Uint32Array.from([0x3f808000, 0x3f818000, 0x3f808001, 0x7f800001, 0xff800000, 0x7f7fffff]);
    const latents = latentsFromArray(new Float32Array(bits.buffer), { shape: [1, 6, 1, 1] });
    const written = await encodeLatents(latents, { dtype: 'bfloat16' });
    const view = new DataView(written.buffer);
    const read = [...bits.keys()].map((k) => view.getUint16(80 + 2 * k, true));
    expect(read).toEqual([0x3f80, 0x3f82, 0x3f81, 0x7fc0, 0xff80, 0x7f80]);
  });

  it('of 16 bits go as they are, others as halves', async () => {
    const bfloat = latentsFromArray(Uint16Array.from([0x3f80, 0x7fc1]), { shape: [1, 2], dtype: 'bfloat16' });
    const sent = await encodeLatents(bfloat);
    expect([...sent.subarray(12, 13), ...sent.subarray(80)]).toEqual([3, 0x80, 0x3f, 0xc1, 0x7f]);
    const integers = await encodeLatents(latentsFromArray(Int8Array.from([-1, 2]), { shape: [1, 2] }));
    expect([...integers.subarray(12, 13), ...integers.subarray(80)]).toEqual([2, 0x00, 0xbc, 0x00, 0x40]);
  });

  it('deflated by zlib are read, and what is written zlib reads', async () => {
    const bytes = Uint8Array.from({ length: 24 }, (_, k) => k * 9);
    const { latents } = await decodeLatents(packet({ bytes: deflateSync(bytes), fields: { 13: [1, 1] } }));
    expect((latents.tensor as { data: Float32Array }).data[23]).toBe(Math.fround((207 / 255 - 0.5) * 6));
    const array = Float32Array.from({ length: 4096 }, (_, k) => k % 7);
    const deflated = await encodeLatents(latentsFromArray(array, { shape: [1, 16, 16, 16] }), { deflate: true });
    expect(deflated.length).toBeLessThan(1000);
    expect(deflated[13]).toBe(1);
    const { inflateSync } = await import('node:zlib');
    const plain = await encodeLatents(latentsFromArray(array, { shape: [1, 16, 16, 16] }));
    expect(inflateSync(deflated.subarray(80)).equals(plain.subarray(80))).toBe(true);
  });
});

describe('parts', () => {
  // Every number says where it is: item, channel, frame, row.
  const array = Float32Array.from({ length: 2 * 3 * 5 * 2 }, (_, k) => {
    const [row, frame, channel, item] = [k % 2, Math.floor(k / 2) % 5, Math.floor(k / 10) % 3, Math.floor(k / 30)];
    return item * 1000 + channel * 100 + frame * 10 + row;
  });
  const video = latentsFromArray(array, { shape: [2, 3, 5, 2, 1], layout: 'NCTHW' });
  const numbers = async (options: Parameters<typeof encodeLatents>[1]) => {
    const step = await decodeLatents(await encodeLatents(video, { dtype: 'float32', ...options }));
    return { ...step, data: [...(step.latents.tensor as { data: Float32Array }).data] };
  };

  it('of a video: one frame', async () => {
    const step = await numbers({ item: 1, frames: 3 });
    expect(step.latents.tensor.shape).toEqual([1, 3, 1, 2, 1]);
    expect(step.data).toEqual([1030, 1031, 1130, 1131, 1230, 1231]);
    expect(step).toMatchObject({ items: { first: 1, total: 2 }, frames: { first: 3, stride: 1, total: 5 } });
  });
  it('of a video: every second frame from the second on', async () => {
    const step = await numbers({ item: 0, frames: { first: 1, stride: 2 } });
    expect(step.latents.tensor.shape).toEqual([1, 3, 2, 2, 1]);
    expect(step.data).toEqual([10, 11, 30, 31, 110, 111, 130, 131, 210, 211, 230, 231]);
    expect(step.frames).toEqual({ first: 1, stride: 2, total: 5 });
  });
  it('of frames in the other order of axes, and found from the format alone', async () => {
    const wan = latentsFromArray(new Float32Array(16 * 3 * 4).fill(1), { shape: [1, 16, 3, 2, 2], format: 'wan21' });
    const { latents, formatId } = await decodeLatents(await encodeLatents(wan, { frames: 2 }));
    expect(latents.tensor.shape).toEqual([1, 16, 1, 2, 2]);
    expect([latents.layout, formatId]).toEqual(['NCTHW', 'wan21']);
    const ntchw = latentsFromArray(array, { shape: [2, 5, 3, 2, 1], layout: 'NTCHW' });
    expect((await decodeLatents(await encodeLatents(ntchw, { frames: 4 }))).latents.tensor.shape).toEqual([
      2, 1, 3, 2, 1,
    ]);
  });
  it('that are not there are refused, with the axis', async () => {
    await expect(encodeLatents(video, { frames: 5 })).rejects.toThrow('packet: frame 5 of 5; the first is 0');
    await expect(encodeLatents(video, { item: -1 })).rejects.toThrow('packet: item -1 of 2');
    await expect(encodeLatents(video, { frames: { stride: 0 } })).rejects.toThrow('every 0th');
    const unknown = latentsFromArray(array, { shape: [2, 3, 5, 2, 1] });
    await expect(encodeLatents(unknown, { frames: 0 })).rejects.toThrow('which axis holds the frames');
  });
});

describe('what goes with them', () => {
  it('comes back: layout, size, domain, noise, text', async () => {
    const latents = latentsFromArray(new Float32Array(6 * 64), {
      ...{ shape: [1, 6, 64], format: 'flux', layout: 'NLC', size: { height: 4, width: 6 }, domain: 'vae' },
    });
    const options = { step: 3, sigma: 0.5, content: 'sample', metadata: { run: 'straße' } } as const;
    const step = await decodeLatents(await encodeLatents(latents, options));
    expect(step).toMatchObject({ step: 3, steps: undefined, timestep: undefined, sigma: 0.5, content: 'sample' });
    expect(step.latents).toMatchObject({ layout: 'NLC', size: { height: 4, width: 6 }, domain: 'vae' });
    expect(step.latents.format).toBe(formats.flux);
    expect(step.latents.metadata?.get('run')).toBe('straße');
  });
  it('may be a format that is not known here, and text of other kinds', async () => {
    const step = await decodeLatents(packet({ text: '{"format":"tomorrow/v9","seed":7,"run":"a"}' }));
    expect([step.formatId, step.latents.format]).toEqual(['tomorrow/v9', undefined]);
    expect([...(step.latents.metadata ?? [])]).toEqual([
      ['format', 'tomorrow/v9'],
      ['run', 'a'],
    ]);
    expect((await decodeLatents(packet())).latents).toMatchObject({ domain: 'model', domainFrom: 'default' });
    expect((await decodeLatents(packet({ text: '{"format":"__proto__"}' }))).latents.format).toBeUndefined();
  });
  it('is refused where it does not fit the header', async () => {
    const latents = latentsFromArray(new Float32Array(4), { shape: [1, 4, 1, 1] });
    await expect(encodeLatents(latents, { step: -1 })).rejects.toThrow('step -1 is not a whole number');
    await expect(encodeLatents(latents, { steps: 2.5 })).rejects.toThrow('steps 2.5');
    await expect(encodeLatents(latents, { metadata: { all: 'x'.repeat(70_000) } })).rejects.toThrow('room for 65448');
    const six = latentsFromArray(new Float32Array(1), { shape: [1, 1, 1, 1, 1, 1] });
    await expect(encodeLatents(six)).rejects.toThrow('more than 5 axes');
    const buffer = { buffer: {} as GPUBuffer, offset: 0, dtype: 'float32', shape: [1, 4, 1, 1] } as const;
    await expect(encodeLatents({ ...latents, tensor: buffer })).rejects.toThrow('read them back');
  });
});

describe('is refused, with the byte', () => {
  const mib = 2 ** 20;
  const cases: Record<string, [Written | Uint8Array, string]> = {
    'an empty message': [new Uint8Array(0), '0 bytes, even the shortest has 12'],
    'another message': [
      new TextEncoder().encode('<!doctype html>'),
      "begins with 3c 21 64 6f, not with 4c 41 54 50 ('LATP')",
    ],
    'another version': [{ fields: { 4: [1, 2] } }, 'byte 4: version 2, this reader knows 1'],
    'another kind': [{ fields: { 5: [1, 9] } }, 'byte 5: kind 9'],
    'a header longer than the packet': [
      { fields: { 6: [2, 160] } },
      'byte 6: a header of 160 bytes in a packet of 104',
    ],
    'a header too short': [{ fields: { 6: [2, 72] } }, 'byte 6: a header of 72 bytes; it has 80 or more'],
    'a header of an odd length': [{ fields: { 6: [2, 84] } }, 'byte 6: a header of 84 bytes'],
    'a packet cut short': [packet().subarray(0, 100), 'byte 8: said to have 104 bytes, got 100'],
    'bytes behind it': [Uint8Array.from([...packet(), 0]), 'byte 8: said to have 104 bytes, got 105'],
    'a packet of 4 GiB': [
      { fields: { 8: [4, 2 ** 32 - 1] } },
      'byte 8: 4294967295 bytes, more than the 268435456 allowed',
    ],
    'no number type': [{ fields: { 12: [1, 0] } }, 'byte 12: number type 0'],
    'another number type': [{ fields: { 12: [1, 5] } }, 'byte 12: number type 5; this reader knows 1 to 4'],
    'another flag': [{ fields: { 13: [1, 2] } }, 'byte 13: flags 2'],
    'one axis': [{ fields: { 14: [1, 1] } }, 'byte 14: 1 axes'],
    'six axes': [{ fields: { 14: [1, 6] } }, 'byte 14: 6 axes'],
    'another layout': [{ fields: { 15: [1, 11] } }, 'byte 15: layout 11'],
    'a layout of other axes': [{ fields: { 15: [1, 1] } }, 'byte 15: layout CHW has 3 axes, the shape has 4'],
    'an axis of 0': [{ fields: { 16: [4, 0] } }, 'byte 16: axes 0, 4, 2, 3, 0'],
    'an axis too many': [{ fields: { 32: [4, 1] } }, 'byte 16: axes 1, 4, 2, 3, 1'],
    'axes whose product overflows': [
      { fields: { 16: [4, 2 ** 31], 20: [4, 2 ** 31], 24: [4, 2 ** 31] } },
      'has more than 2^48 elements',
    ],
    'more numbers than allowed': [
      { fields: { 16: [4, 16 * mib], 20: [4, 8], 24: [4, 1] } },
      'byte 16: uint8 of shape (16777216, 8, 1, 3) takes 1610612736 bytes, more than the 268435456 allowed',
    ],
    'numbers that are not there': [{ fields: { 20: [4, 8] } }, 'needs 48 bytes, the packet has 24'],
    'another domain': [{ fields: { 36: [1, 3] } }, 'byte 36: domain 3'],
    'another content': [{ fields: { 37: [1, 3] } }, 'byte 37: content 3'],
    'a stride of 0': [{ fields: { 68: [4, 0] } }, 'byte 68: every 0th frame'],
    'text that is no JSON': [{ text: '{"format":' }, `byte 80: '{"format":' is no JSON object`],
    'text that is no object': [{ text: '["sdxl"]' }, 'is no JSON object'],
    'damaged deflate': [{ bytes: new Uint8Array(24).fill(7), fields: { 13: [1, 1] } }, 'damaged after 0 bytes'],
    'deflated numbers too few': [
      { bytes: deflateSync(new Uint8Array(20)), fields: { 13: [1, 1] } },
      'said to have 24 bytes, its data inflate to 20',
    ],
    'a bomb': [
      { bytes: deflateSync(new Uint8Array(64 * mib)), fields: { 13: [1, 1] } },
      'said to have 24 bytes, its data inflate to more',
    ],
    'a small packet that says it inflates to much': [
      { bytes: deflateSync(new Uint8Array(24)), fields: { 13: [1, 1], 16: [4, mib] } },
      'deflate makes at most 1032 of one',
    ],
  };
  it.each(Object.entries(cases))('%s', async (_, [written, message]) => {
    const bytes = written instanceof Uint8Array ? written : packet(written);
    const error = await decodeLatents(bytes).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'LatentPreviewError', code: 'file' });
    expect((error as Error).message).toContain(message);
  });

  it('but what is larger is read where the caller allows it, and less where not', async () => {
    await expect(decodeLatents(packet(), { maxBytes: 95 })).rejects.toThrow('takes 96 bytes, more than the 95 allowed');
    await expect(decodeLatents(packet(), { maxBytes: 96 })).resolves.toMatchObject({ bytes: 104 });
  });

  it('nothing of a good packet that lies within a larger buffer', async () => {
    const around = new Uint8Array(300);
    around.set(documentedPacket(), 101);
    expect((await decodeLatents(around.subarray(101, 221))).latents.tensor).toMatchObject({
      data: Uint16Array.from(halves),
    });
    expect((await decodeLatents(documentedPacket().buffer)).bytes).toBe(120);
  });
});
