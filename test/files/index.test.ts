// Which reader a file goes to, what is said about files that none takes, and which tensor of a file is chosen.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readers, readTensorFile, selectTensor, type TensorFile } from '../../src/files';
import { type Tensor, tensorFromArray } from '../../src/tensor';
import { entry, expectFileError, expectRejection, floats, join, npyFile, readWhole, safetensorsFile } from './build';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/files/${name}`, import.meta.url));

describe('detection', () => {
  test('every reader has a kind of its own', () => {
    expect(new Set(readers.map(({ kind }) => kind)).size).toBe(readers.length);
  });

  test.each<[string, Uint8Array, string]>([
    ['npy', npyFile(), 'npy'],
    ['safetensors', safetensorsFile('{}'), 'safetensors'],
    ['safetensors that starts with a space', safetensorsFile(' {}'), 'safetensors'],
    // A header of 559 903 bytes has the length bytes 1f 8b 08 00, as gzip starts.
    ['safetensors whose length looks like gzip', safetensorsFile(`{}${' '.repeat(559_901)}`), 'safetensors'],
    ['safetensors whose length looks like a pickle', safetensorsFile(`{}${' '.repeat(0x480 - 2)}`), 'safetensors'],
    ['npz', fixture('npz-stored.npz'), 'npz'],
    ['PyTorch', fixture('torch-dict.pt'), 'torch'],
    ['PNG', fixture('png-rgba.png'), 'png'],
  ])('%s', async (_, bytes, kind) => {
    expect((await readWhole(bytes)).kind).toBe(kind);
    const takers = readers.filter(({ detect }) => detect(bytes.subarray(0, 16), bytes.length));
    expect(takers.map((reader) => reader.kind)).toEqual([kind === 'npz' || kind === 'torch' ? 'zip' : kind]);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['4 empty file', new Uint8Array(), /^file: empty, 0 bytes/],
    [
      '25 HTML page',
      join('<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>'),
      /an HTML or XML page titled '404 Not Found', not a tensor file; the address is wrong/,
    ],
    [
      '25 HTML page without a title',
      join('\n  <html lang="en"><body>Sign in</body></html>'),
      /an HTML or XML page, not/,
    ],
    ['25 HTML page behind a byte order mark', join('\xef\xbb\xbf<html></html>'), /an HTML or XML page/],
    ['25 XML', join('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), /an HTML or XML page/],
    [
      '25 JSON error',
      join('{"error":"Invalid credentials"}'),
      /JSON, not a tensor file: '\{"error":"Invalid credentials"}'/,
    ],
    ['25 JSON with a brace at byte 8', join('{"data":{"x":"not found"}}'), /^file: JSON/],
    ['25 JSON with a space at byte 8', join('{"name": "x"}'), /^file: JSON/],
    ['25 JSON array', join('[{"id": [ 1, 2 ]}]'), /^file: JSON/],
    ['25 plain text', join('404: Not Found'), /text, not a tensor file: '404: Not Found'/],
    ['25 text cut inside a character', new TextEncoder().encode('✓'.repeat(2000)), /text, not a tensor file: '✓{80}…'/],
    [
      'Git LFS pointer',
      join('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n'),
      /a Git LFS pointer.*git lfs pull/,
    ],
    ['gzip', join([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 0, 3]), /gzip-compressed data; unpack it first/],
    ['JPEG', join([0xff, 0xd8, 0xff, 0xe0, 0, 16], 'JFIF', [0]), /a JPEG picture, not a latent/],
    ['GIF of height 123', join('GIF89a', [1, 0, 123, 0]), /a GIF picture/],
    ['WebP', join('RIFF', [1, 2, 0, 0], 'WEBPVP8 '), /a WebP picture/],
    [
      '71 PyTorch before 1.6',
      join([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]),
      /old pickle form, which is never loaded; re-save/,
    ],
    [
      'pickle',
      join([0x80, 4, 0x95, 10, 0, 0, 0, 0, 0, 0, 0]),
      /a Python pickle, which can run code and is never loaded; re-save/,
    ],
    ['GGUF', join('GGUF', [3, 0, 0, 0]), /a GGUF model/],
    ['HDF5', join('\x89HDF\r\n\x1a\n'), /an HDF5 file/],
    ['npy read as text', new TextEncoder().encode('\x93NUMPY\x01\x00'), /\.npy file that was read as text on its way/],
    ['npy read as text, replaced', new TextEncoder().encode('\ufffdNUMPY\x01\x00'), /\.npy file that was read as text/],
    ['3 npy cut inside its magic', npyFile().subarray(0, 4), /unknown kind, 4 bytes, the first are 93 4e 55 4d;/],
    ['41 safetensors cut inside its length', safetensorsFile('{}').subarray(0, 5), /unknown kind, 5 bytes/],
    [
      '42 safetensors with a header length of 2^63',
      safetensorsFile('{"a":1}', floats(), 2n ** 63n),
      /a safetensors header behind a header length/,
    ],
    [
      'raw floats',
      floats(0.5, -1, 2, 0.25),
      /unknown kind, 16 bytes, the first are 00 00 00 3f .* for raw numbers pass shape and dtype/,
    ],
  ])('%s', async (_, bytes, message) => {
    await expectRejection(readWhole(bytes), message);
    // The synchronous way says the same.
    expectFileError(() => readTensorFile(bytes), message);
  });

  test('26 detached buffer', () => {
    const bytes = npyFile();
    structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
    expectFileError(() => readTensorFile(bytes), /the bytes are detached, their buffer was transferred/);
  });

  test('26 shared memory is copied: later writes do not change the tensor', () => {
    const bytes = safetensorsFile({ x: entry('F32', [1], 0, 4) }, floats(5));
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    const { tensors } = readTensorFile(shared);
    shared.fill(0);
    expect(tensors.get('x')?.data).toEqual(Float32Array.of(5));
  });
});

describe('selectTensor', () => {
  const image = tensorFromArray(new Float32Array(16), [1, 4, 2, 2]);
  const video = tensorFromArray(new Uint16Array(16), [1, 4, 1, 2, 2], 'float16');
  const ids = tensorFromArray(new Int32Array(4), [1, 2, 2]);
  const bias = tensorFromArray(new Float32Array(4), [4]);
  const marker = tensorFromArray(new Float32Array(0), [0]);
  const file = (tensors: Record<string, Tensor>): TensorFile => ({
    kind: 'safetensors',
    tensors: new Map(Object.entries(tensors)),
    metadata: new Map(),
  });

  test.each<[string, Record<string, Tensor>, string | undefined, string]>([
    ['the only one', { x: bias }, undefined, 'x'],
    ['the only one, even empty', { x: marker }, undefined, 'x'],
    ['the only one beside markers', { m: marker, x: bias, n: marker }, undefined, 'x'],
    [
      '60 latent_tensor beside its version marker',
      { latent_tensor: image, latent_format_version_0: marker },
      undefined,
      'latent_tensor',
    ],
    ['60 latent_tensor without a marker', { latent_tensor: image }, undefined, 'latent_tensor'],
    [
      'latent_tensor beside others that could be latents',
      { a: image, latent_tensor: video },
      undefined,
      'latent_tensor',
    ],
    ['the only one that looks like latents', { bias, ids, step: video }, undefined, 'step'],
    ['by key', { a: image, b: video }, 'b', 'b'],
    ['by key, whatever it looks like', { a: image, b: ids }, 'b', 'b'],
    ['by key, empty', { a: image, m: marker }, 'm', 'm'],
  ])('%s', (_, tensors, key, name) => {
    expect(selectTensor(file(tensors), key)).toEqual({ name, tensor: tensors[name] });
  });

  test('the array of an .npy file has no name', () => {
    expect(selectTensor(readTensorFile(npyFile())).name).toBe('');
  });

  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`step ${i}`, image]));
  test.each<[string, TensorFile, string | undefined, RegExp]>([
    ['no tensors', file({}), undefined, /no tensor with data; the file has no tensors/],
    [
      'only markers',
      file({ a: marker, b: marker }),
      undefined,
      /no tensor with data; the file has 'a' float32 \(0,\), 'b'/,
    ],
    [
      'two that look like latents',
      file({ a: image, b: video, bias }),
      undefined,
      /2 tensors could be latents: 'a' float32 \(1, 4, 2, 2\), 'b' float16 \(1, 4, 1, 2, 2\); pass one of the names as key/,
    ],
    [
      'none that looks like latents',
      file({ bias, ids }),
      undefined,
      /no tensor looks like latents \(floats of 3 to 5 dimensions\): 'bias' float32 \(4,\), 'ids' int32 \(1, 2, 2\); pass/,
    ],
    ['a key that is not there', file({ a: image }), 'b', /no tensor 'b'; the file has 'a' float32/],
    ['a key that every object has', file({ a: image }), 'constructor', /no tensor 'constructor'/],
    [
      'a key for an .npy file',
      readTensorFile(npyFile()),
      'x',
      /^npy: no tensor 'x'; the file has one without a name float32 \(2, 3\)/,
    ],
    ['thousands of names', file(many), undefined, /'step 7' float32 \(1, 4, 2, 2\) and 992 more; pass/],
  ])('refuses: %s', (_, tensors, key, message) => expectFileError(() => selectTensor(tensors, key), message));
});
