// `latent-preview decode` on real files: the pictures, their names, what is guessed and what is refused.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTensorFile } from '../../src/files/index';
import { createPreviewer, type FrameOptions, loadLatents } from '../../src/index';
import { toFloat32 } from '../../src/tensor';
import { differingPictures } from '../tolerances';
import { fixtures, folderWith, npy, readPng, run, samples, shared, stackTrace, underCI } from './run';

const sample = (name: string): string => join(samples, name);

interface SampleEntry {
  readonly file: string;
  readonly format: string;
}
const { samples: list } = JSON.parse(readFileSync(sample('manifest.json'), 'utf8')) as { samples: SampleEntry[] };

async function byLibrary(file: string, format: string, options: FrameOptions = {}): Promise<ImageData> {
  const previewer = await createPreviewer({ format, decoder: 'mini', backend: 'cpu' });
  return previewer.toImageData(await loadLatents(readFileSync(sample(file))), options);
}

describe('pictures', () => {
  it("are the numbers of the file, by hand, in 'pixel' format", async () => {
    // (1, 3, 1, 2): −1 → 0, 1 → 255, 0 → 127.5, rounded up; beyond the range, clamped.
    const folder = folderWith({ 'x.npy': npy([1, 3, 1, 2], [-1, 1, 0, -2, 3, 0.5]) });
    const { code, stdout } = await run(['decode', '-f', 'pixel', '--backend', 'cpu', 'x.npy'], { folder });
    expect(code).toBe(0);
    expect(stdout).toBe('x.npy → x.png  2×1, pixel, model domain, linear pixel\n');
    expect([...readPng(join(folder, 'x.png')).data]).toEqual([0, 128, 255, 255, 255, 0, 191, 255]);
  });
  it.each(list)("are the library's: $file", async ({ file, format }) => {
    const out = join(folderWith(), 'new', 'picture.png');
    const args = ['decode', '-f', format, '--backend', 'cpu', '-o', out, '-s', 'image', '--resample', 'bicubic'];
    expect(await run([...args, sample(file)])).toMatchObject({ code: 0 });
    const expected = await byLibrary(file, format, { size: 'image', resample: 'bicubic' });
    const picture = readPng(out);
    expect(picture.width).toBeGreaterThanOrEqual(384);
    expect(differingPictures(picture, expected, { maxSteps: 0, equalShare: 1 })).toBeUndefined();
  });
  it('have the size that is asked for', async () => {
    const out = join(folderWith(), 'x.png');
    await run(['decode', '-f', 'flux', '--backend', 'cpu', '-o', out, '--size', '33x20', sample('flux-chelsea.npy')]);
    const expected = await byLibrary('flux-chelsea.npy', 'flux', { size: { width: 33, height: 20 } });
    expect(differingPictures(readPng(out), expected, { maxSteps: 0, equalShare: 1 })).toBeUndefined();
  });
  it.each(['taesd', 'taesd-skip', 'vae-approx'])('of weights are what PyTorch makes of them: %s', async (name) => {
    const folder = join(fixtures, 'conv');
    const out = join(folderWith(), 'x.png');
    const args = [
      'decode',
      '-f',
      'sd15',
      '-d',
      `${name}.safetensors`,
      `${name}.input.npy`,
      '--backend',
      'cpu',
      '-o',
      out,
    ];
    expect(await run(args, { folder })).toMatchObject({ code: 0 });
    const [golden] = readTensorFile(readFileSync(join(folder, `${name}.output.npy`))).tensors.values();
    const [, , height, width] = golden!.shape as [number, number, number, number];
    const [low, high] = name === 'vae-approx' ? [-1, 1] : [0, 1];
    const planes = toFloat32(golden!);
    const data = new Uint8ClampedArray(4 * width * height).fill(255);
    for (let pixel = 0; pixel < width * height; pixel++)
      for (let c = 0; c < 3; c++)
        data[pixel * 4 + c] = Math.floor(((planes[c * width * height + pixel]! - low) / (high - low)) * 255 + 0.5);
    expect(differingPictures(readPng(out), { width, height, data })).toBeUndefined();
  });
  it('come from a perceptron or polynomial coefficients in JSON too', async () => {
    // Red is channel 0, green 1, blue the constant 1.
    const weights = {
      '0.weight': [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
      ],
      '0.bias': [0, 0, 1],
    };
    const coefficients = [...[0, 1, 0, 0, 0], ...[0, 0, 1, 0, 0], ...[1, 0, 0, 0, 0]];
    const folder = folderWith({
      'x.npy': npy([4, 1, 1], [-1, 0.2, 5, 5]),
      'mlp.json': JSON.stringify(weights),
      'affine.json': JSON.stringify({ channels: 4, degree: 1, coefficients }),
      'other.json': '{"a": 1}',
      'broken.json': '{"a": ',
    });
    for (const decoder of ['mlp.json', 'affine.json']) {
      const args = ['decode', '-f', 'sd15', '-d', decoder, '--backend', 'cpu', '--force', 'x.npy'];
      expect(await run(args, { folder })).toMatchObject({ code: 0 });
      expect([...readPng(join(folder, 'x.png')).data], decoder).toEqual([0, 153, 255, 255]);
    }
    const other = await run(['decode', '-f', 'sd15', '-d', 'other.json', 'x.npy'], { folder });
    expect(other).toMatchObject({ code: 1, stderr: expect.stringMatching(/other\.json: .*neither a fitted map/) });
    const broken = await run(['decode', '-f', 'sd15', '-d', 'broken.json', 'x.npy'], { folder });
    expect(broken).toMatchObject({ code: 1, stderr: expect.stringMatching(/broken\.json: .*not valid JSON/) });
  });
  it('come from maps under copyleft licences where one is named', async () => {
    const folder = folderWith({ 'x.npy': npy([1, 4, 2, 2], Array(16).fill(0.5)) });
    const { code, stdout } = await run(['decode', '-f', 'sd15/comfyui', '--backend', 'cpu', 'x.npy'], { folder });
    expect(code).toBe(0);
    expect(stdout).toContain('sd15/comfyui');
  });
  it('come from raw numbers whose shape is given', async () => {
    const halves = Uint16Array.from([0xbc00, 0x3c00, 0x0000]); // −1, 1, 0
    const folder = folderWith({ 'x.bin': new Uint8Array(halves.buffer) });
    const args = ['decode', '-f', 'pixel', '--shape', '3,1,1', '--dtype', 'float16', '--backend', 'cpu', 'x.bin'];
    expect(await run(args, { folder })).toMatchObject({ code: 0 });
    expect([...readPng(join(folder, 'x.png')).data]).toEqual([0, 255, 128, 255]);
  });
  it('are read by --layout, --key and --domain', async () => {
    const folder = folderWith({ 'x.npy': npy([1, 1, 3], [-1, 1, 0]) });
    const hwc = await run(['decode', '-f', 'pixel', '--layout', 'hwc', '--backend', 'cpu', 'x.npy'], { folder });
    expect(hwc).toMatchObject({ code: 0 });
    expect([...readPng(join(folder, 'x.png')).data]).toEqual([0, 255, 128, 255]);

    const every = join(fixtures, 'files', 'every-dtype.safetensors');
    const missing = await run(['decode', '-f', 'pixel', '--key', 'nothing', '-o', folder, every]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("no tensor 'nothing'") });

    const raw = folderWith({ 'x.npy': npy([1, 4, 1, 1], [1, 2, 3, 4]) });
    const model = folderWith({
      'x.npy': npy(
        [1, 4, 1, 1],
        [1, 2, 3, 4].map((value) => value * 0.18215),
      ),
    });
    await run(['decode', '-f', 'sd15', '--domain', 'vae', '--backend', 'cpu', 'x.npy'], { folder: raw });
    await run(['decode', '-f', 'sd15', '--domain', 'model', '--backend', 'cpu', 'x.npy'], { folder: model });
    expect(readPng(join(raw, 'x.png'))).toEqual(readPng(join(model, 'x.png')));
  });
});

describe('the format, where it is not given', () => {
  it('is the guess where that is clear, and it is told why', async () => {
    const folder = folderWith();
    const { code, stdout, stderr } = await run(['decode', '--json', '-o', folder, sample('flux-chelsea.npy')]);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /flux-chelsea\.npy: guessed to be flux, model domain: 16 channels of 54×36; .* look like FLUX/,
    );
    const [{ format, domain, guess, output }] = JSON.parse(stdout) as Record<string, string>[];
    expect([format, domain, output]).toEqual(['flux', 'model', join(folder, 'flux-chelsea.png')]);
    expect(guess).toMatch(/look like FLUX/);
    const expected = await byLibrary('flux-chelsea.npy', 'flux');
    expect(differingPictures(readPng(output!), expected)).toBeUndefined();
  });
  it('is an error with the candidates where two are likely', async () => {
    const folder = folderWith();
    const { code, stdout, stderr } = await run(['decode', '-o', folder, sample('sdxl-coffee.safetensors')]);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/sdxl-coffee\.safetensors: format: .*--format/);
    const candidates = [...stderr.matchAll(/^ {2}(\S+), (model|vae) domain \(distance (\d\.\d\d)\)/gm)];
    expect(candidates.map(([, id]) => id)).toEqual(['sdxl', 'sd15']);
    expect(readdirSync(folder)).toEqual([]);
  });
  it('is an error where the numbers look like nothing known', async () => {
    const folder = folderWith({ 'x.npy': npy([1, 4, 8, 8], Array(256).fill(1000)) });
    const { code, stderr } = await run(['decode', 'x.npy'], { folder });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/numbers do not say clearly/)]);
  });
  it('is an error where no format has the channels', async () => {
    const folder = folderWith({ 'x.npy': npy([1, 7, 2, 2], Array(28).fill(0)) });
    const { code, stderr } = await run(['decode', 'x.npy'], { folder });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/no known format fits latents of shape \(1, 7, 2, 2\)/)]);
  });
  it('takes the domain that is given with it', async () => {
    const folder = folderWith();
    const args = ['decode', '--json', '--domain', 'vae', '-o', folder, sample('flux-chelsea.npy')];
    const [{ domain, error }] = JSON.parse((await run(args)).stdout) as Record<string, string>[];
    // Either refused as unclear or read as asked; never in the other domain.
    expect(error === undefined ? domain : 'vae').toBe('vae');
  });

  const truths: Record<string, string> = { sd1: 'sd15', sdxl: 'sdxl', sd3: 'sd3', flux1: 'flux', flux2: 'flux2' };
  const truthOf = (name: string): string | undefined =>
    name.startsWith('real-wan21') ? 'wan21' : truths[name.split('.')[1]!.split('-')[0]!];
  const present = existsSync(join(shared, 'latents'));
  if (!present) console.log('skipped: clear guesses on more files – ../shared is not there');
  it.each([['the samples', samples], ...(present ? [['the shared latents', join(shared, 'latents')]] : [])] as [
    string,
    string,
  ][])('is never wrongly clear: %s', async (_, folder) => {
    const { stdout } = await run(['info', '--json', folder]);
    const reports = JSON.parse(stdout) as {
      file: string;
      latents: { clear: boolean; guesses: { format: string }[] };
    }[];
    expect(reports.length).toBeGreaterThan(9);
    const clear = reports.filter(({ latents }) => latents.clear);
    // Most are: a rule that never trusts a guess would be of no use.
    expect(clear.length).toBeGreaterThan(reports.length / 3);
    for (const { file, latents } of clear) {
      const name = file.split('/').at(-1)!;
      const listed = list.find((one) => one.file === name)?.format;
      expect(latents.guesses[0]!.format, file).toBe(listed ?? truthOf(name));
    }
  });
});

it('says where model latents look raw', async () => {
  const values = Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i * i) * 7);
  const folder = folderWith({ 'x.npy': npy([1, 4, 8, 8], values) });
  const { code, stderr } = await run(['decode', '-f', 'sd15', '--backend', 'cpu', 'x.npy'], { folder });
  expect([code, stderr]).toEqual([0, expect.stringMatching(/look like raw VAE latents.*--domain vae/)]);
  const told = await run(['decode', '-f', 'sd15', '--domain', 'vae', '--force', 'x.npy'], { folder });
  expect(told.stderr).not.toMatch(/look like raw/);
});

describe('folders', () => {
  const small = npy([1, 3, 1, 1], [0, 0, 0]);
  const pixel = ['decode', '-f', 'pixel', '--backend', 'cpu'];

  it('are searched for files of tensors, whatever their names', async () => {
    const folder = folderWith({
      'in/b.npy': small,
      'in/10.latents': small,
      'in/9.latents': small,
      'in/notes.npy.txt': 'text',
      'in/picture.png': readFileSync(join(fixtures, 'compare', 'blur-image.png')),
      'in/sub/c.npy': small,
    });
    const plain = await run([...pixel, 'in', '-o', 'out'], { folder });
    expect(plain.code).toBe(0);
    expect(plain.stdout.match(/→ \S+/g)).toEqual(['→ out/9.png', '→ out/10.png', '→ out/b.png']);
    const deep = await run([...pixel, '--recursive', 'in', '-o', 'deep'], { folder });
    expect(deep.code).toBe(0);
    expect(readdirSync(join(folder, 'deep'), { recursive: true }).sort()).toEqual([
      '10.png',
      '9.png',
      'b.png',
      'sub',
      'sub/c.png',
    ]);
  });
  it('without such files are an error', async () => {
    const folder = folderWith({ 'in/notes.txt': 'text' });
    const { code, stderr } = await run([...pixel, 'in'], { folder });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/in: the folder has no file .*--recursive/)]);
  });
  it('may hold two files of one name: the pictures keep their endings', async () => {
    const folder = folderWith({ 'in/x.npy': small, 'in/x.bin': small, 'in/y.npy': small });
    expect(await run([...pixel, 'in'], { folder })).toMatchObject({ code: 0 });
    expect(readdirSync(join(folder, 'in')).filter((name) => name.endsWith('.png'))).toEqual([
      'x.bin.png',
      'x.npy.png',
      'y.png',
    ]);
  });
  it('that would write one picture twice do so once', async () => {
    const folder = folderWith({ 'a/x.npy': small, 'b/x.npy': small });
    const { code, stderr } = await run([...pixel, '--force', 'a', 'b', '-o', 'out'], { folder });
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/b\/x\.npy: output: out\/x\.npy\.png already holds .* a\/x\.npy/),
    ]);
  });
});

it('goes on after a file that fails, and says which', async () => {
  const good = npy([1, 3, 1, 1], [0, 0, 0]);
  const folder = folderWith({ 'a.npy': good.subarray(0, -4), 'b.npy': good, 'c.npy': 'text' });
  const args = ['decode', '-f', 'pixel', '--backend', 'cpu', '--json', 'a.npy', 'b.npy', 'c.npy', 'd.npy'];
  const { code, stdout, stderr } = await run(args, { folder });
  expect(code).toBe(1);
  expect(stderr).toContain('latent-preview: d.npy: there is no such file or folder\n');
  expect(stderr).toMatch(
    /latent-preview: a\.npy: npy: float32 of shape \(1, 3, 1, 1\) needs 12 bytes of data, the file has 8/,
  );
  expect(stderr).toMatch(/latent-preview: c\.npy: file: text, not a tensor file/);
  expect(stderr).toContain('3 of 4 inputs failed');
  expect(stderr).not.toMatch(stackTrace);
  const results = JSON.parse(stdout) as { input: string; error?: string }[];
  expect(
    results
      .filter(({ error }) => error)
      .map(({ input }) => input)
      .sort(),
  ).toEqual(['a.npy', 'c.npy', 'd.npy']);
  expect(existsSync(join(folder, 'b.png'))).toBe(true);
});

it('never overwrites unless it is told to', async () => {
  const folder = folderWith({ 'x.npy': npy([1, 3, 1, 1], [0, 0, 0]), 'x.png': 'precious' });
  const args = ['decode', '-f', 'pixel', '--backend', 'cpu', 'x.npy'];
  const { code, stderr } = await run(args, { folder });
  expect([code, stderr]).toEqual([1, expect.stringMatching(/x\.npy: output: x\.png exists; --force/)]);
  expect(readFileSync(join(folder, 'x.png'), 'utf8')).toBe('precious');
  expect(await run([...args, '--force'], { folder })).toMatchObject({ code: 0 });
  expect([...readPng(join(folder, 'x.png')).data]).toEqual([128, 128, 128, 255]);
});

describe('items and frames', () => {
  it('are all written with --all, each with its own numbers', async () => {
    const folder = folderWith();
    const file = 'sdxl-astronaut-noising.npy';
    const args = ['decode', '-f', 'sdxl', '--all', '--backend', 'cpu', '-o', folder, sample(file)];
    expect(await run(args)).toMatchObject({ code: 0 });
    const names = readdirSync(folder).sort();
    expect(names).toHaveLength(20);
    expect([names[0], names[19]]).toEqual(['sdxl-astronaut-noising-item00.png', 'sdxl-astronaut-noising-item19.png']);
    const expected = await byLibrary(file, 'sdxl', { item: 7 });
    expect(
      differingPictures(readPng(join(folder, names[7]!)), expected, { maxSteps: 0, equalShare: 1 }),
    ).toBeUndefined();
    expect(readFileSync(join(folder, names[7]!))).not.toEqual(readFileSync(join(folder, names[8]!)));
  });
  it('of a clip of clips are both in the name; one is chosen by --item and --frame', async () => {
    // (2, 16, 3, 1, 1): red of wan21 follows from the numbers; here they only must differ.
    const values = Array.from({ length: 96 }, (_, i) => Math.sin(i) * 2);
    const folder = folderWith({ 'x.npy': npy([2, 16, 3, 1, 1], values) });
    const args = ['decode', '-f', 'wan21', '--backend', 'cpu', 'x.npy'];
    expect(await run([...args, '--all', '-o', 'all'], { folder })).toMatchObject({ code: 0 });
    expect(readdirSync(join(folder, 'all')).sort()).toEqual(
      [0, 1].flatMap((item) => [0, 1, 2].map((frame) => `x-item${item}-frame${frame}.png`)),
    );
    expect(await run([...args, '--item', '1', '--frame', '2', '-o', 'one'], { folder })).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, 'one', 'x.png'))).toEqual(readFileSync(join(folder, 'all', 'x-item1-frame2.png')));
    const beyond = await run([...args, '--frame', '3'], { folder });
    expect(beyond).toMatchObject({ code: 1, stderr: expect.stringMatching(/frame 3 is out of range; there are 3/) });
  });
  it('do not fit into one file', async () => {
    const folder = folderWith({ 'x.npy': npy([2, 3, 1, 1], [0, 0, 0, 0, 0, 0]) });
    const args = ['decode', '-f', 'pixel', '--backend', 'cpu', '--all', '-o', 'x.png', 'x.npy'];
    const { code, stderr } = await run(args, { folder });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/cannot all go to x\.png/)]);
  });
});

describe('backends', () => {
  it('say where they decode', async () => {
    const folder = folderWith();
    const { stderr } = await run(['decode', '-f', 'sd15', '--backend', 'cpu', '-o', folder, sample('sd15-coffee.npy')]);
    expect(stderr).toBe('decoding on the CPU\n');
  });
  it('give the same picture', async ({ skip }) => {
    const folder = folderWith();
    const decode = (backend: string) =>
      run([
        ...['decode', '-f', 'sdxl', '-s', 'image', '--backend', backend, '--json'],
        ...['-o', join(folder, `${backend}.png`), sample('sdxl-coffee.safetensors')],
      ]);
    const gpu = await decode('webgpu');
    if (/no adapter was found|not installed/.test(gpu.stderr)) {
      expect(gpu.code).toBe(1);
      expect(existsSync(join(folder, 'webgpu.png'))).toBe(false);
      if (underCI) throw new Error(`no adapter under CI: ${gpu.stderr}`);
      console.log('skipped: the command on the GPU – no WebGPU adapter');
      return skip();
    }
    expect(gpu).toMatchObject({ code: 0, stderr: expect.stringMatching(/decoding on the GPU/) });
    expect(await decode('cpu')).toMatchObject({ code: 0 });
    expect(JSON.parse(gpu.stdout)).toMatchObject([{ backend: 'webgpu', width: 432, height: 288 }]);
    const [one, other] = ['webgpu', 'cpu'].map((name) => readPng(join(folder, `${name}.png`)));
    expect(differingPictures(one!, other!)).toBeUndefined();
  });
});

it.skipIf(process.platform === 'win32')('stops at Ctrl-C and leaves no picture', async () => {
  const side = 200;
  const folder = folderWith({ 'x.npy': npy([1, 4, side, side], new Float32Array(4 * side * side)) });
  const started = performance.now();
  const weights = join(fixtures, 'conv', 'taesd.safetensors');
  let sent = false;
  const outcome = await run(['decode', '-f', 'sd15', '-d', weights, '--backend', 'cpu', 'x.npy'], {
    folder,
    onStderr: (text, kill) => {
      // Once: the second would end it there and then.
      if (!sent && text.includes('decoding on the CPU')) kill('SIGINT');
      sent ||= text.includes('decoding on the CPU');
    },
  });
  expect(outcome).toMatchObject({ code: 130, stdout: '', stderr: expect.stringMatching(/latent-preview: stopped\n$/) });
  expect(performance.now() - started).toBeLessThan(20_000);
  expect(readdirSync(folder)).toEqual(['x.npy']);
});
