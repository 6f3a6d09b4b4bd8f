// The registry of latent formats: every entry valid, every number where it was found, licences kept apart.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LatentPreviewError } from '../src/errors';
import { copyleftFormats } from '../src/formats/copyleft/index';
import type { LatentFormat } from '../src/formats/format';
import { formats, formatsWithChannels, resolveFormat } from '../src/formats/index';

const core = Object.values(formats);
const copyleft = Object.values(copyleftFormats);
const everything = [...core, ...copyleft];
const permissive = ['MIT', 'Apache-2.0', 'BSD-3-Clause', 'BSD-2-Clause'];

function thrownBy(action: () => unknown): LatentPreviewError {
  try {
    action();
  } catch (error) {
    if (error instanceof LatentPreviewError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('entries', () => {
  it.each(everything.map((format) => [format.id, format] as const))('%s is valid and complete', (id, format) => {
    expect(resolveFormat(format)).toBe(format);
    expect(id).toMatch(/^[a-z0-9_.-]+(\/[a-z0-9_.-]+)?$/);
    expect(format.name).not.toBe('');
    expect(id === format.base || id.startsWith(`${format.base}/`)).toBe(true);
    expect(formats[format.base]).toBeDefined();
    expect(format.source.repo).not.toBe('');
    expect(format.source.licence).not.toBe('');
    if (!format.latentRgbFactors) expect(format.latentRgbBias ?? format.smoothMatrix).toBeUndefined();
    if (format.dims === 2) expect(format.temporalDownscale).toBeUndefined();
  });

  it('have ids, aliases and names of their own', () => {
    const names = everything.flatMap(({ id, aliases = [] }) => [id, ...aliases]);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    expect(names).toEqual(names.map((name) => name.toLowerCase()));
    const titles = everything.map(({ name }) => name);
    expect(titles.filter((title, i) => titles.indexOf(title) !== i)).toEqual([]);
  });

  it('describe one latent space the same way in all its maps', () => {
    for (const format of everything) {
      if (format.id === 'flux2/fused-render-128') continue; // reads the packed tensor as it is
      const base = formats[format.base] as LatentFormat;
      for (const field of ['channels', 'dims', 'spatialDownscale', 'temporalDownscale', 'packing'] as const)
        expect(format[field], `${format.id} ${field}`).toEqual(base[field]);
      for (const field of ['scalingFactor', 'shiftFactor', 'latentsMean', 'latentsStd'] as const)
        expect(format[field], `${format.id} ${field}`).toBe(base[field]);
    }
  });

  it('hold each table once: equal tables are the same array', () => {
    const tables = new Map<string, unknown>();
    for (const { id, latentRgbFactors, latentsMean, latentsStd } of everything)
      for (const table of [latentRgbFactors, latentsMean, latentsStd]) {
        const text = JSON.stringify(table);
        if (!table || text.length < 100) continue;
        expect(tables.get(text) ?? table, id).toBe(table);
        tables.set(text, table);
      }
    expect(tables.size).toBeGreaterThan(60);
  });

  it('cannot be changed through the record', () => {
    expect(Object.isFrozen(formats) && Object.isFrozen(copyleftFormats)).toBe(true);
  });
});

describe('licences', () => {
  it.each(core.filter((format) => format.latentRgbFactors).map((format) => [format.id, format] as const))(
    '%s is permissive',
    (_id, { source }) => expect(permissive).toContain(source.licence),
  );

  it('copyleft entries are maps that say another licence', () => {
    for (const { id, latentRgbFactors, source } of copyleft) {
      expect(latentRgbFactors, id).toBeDefined();
      expect(permissive, id).not.toContain(source.licence);
    }
  });

  it('no core file imports a copyleft one, and each copyleft file names its licence at the top', () => {
    const folder = new URL('../src/formats/', import.meta.url);
    const files = readdirSync(folder).filter((file) => file.endsWith('.ts'));
    expect(files.length).toBeGreaterThan(20);
    for (const file of files)
      expect(readFileSync(new URL(file, folder), 'utf8'), file).not.toMatch(/from '[^']*copyleft/);
    const tables = readdirSync(new URL('copyleft/', folder)).filter((file) => file !== 'index.ts');
    for (const file of tables) {
      const text = readFileSync(new URL(`copyleft/${file}`, folder), 'utf8');
      const licence = /^\/\/ .*Licence of the tables? in this file: (.+)\.$/m.exec(text.split('\n')[0] as string)?.[1];
      expect(licence, file).toBeDefined();
      expect(text, file).toContain(`licence: '${licence === 'none stated' ? 'NONE' : licence}'`);
    }
  });
});

describe('look-up', () => {
  it('finds ids and aliases in any case', () => {
    expect(resolveFormat('sdxl')).toBe(formats.sdxl);
    expect(resolveFormat('SDXL/InvokeAI').id).toBe('sdxl/invokeai');
    expect(resolveFormat('qwen-image').id).toBe('wan21');
    expect(resolveFormat('FLUX.1').id).toBe('flux');
    for (const { id, aliases = [] } of core) for (const alias of aliases) expect(resolveFormat(alias).id).toBe(id);
  });

  it.each([
    ['sdlx', 'sdxl'],
    ['wan-2.1', 'wan21'],
    ['stable-cascade', 'stable-cascade-b'],
    ['flux3', 'flux2'],
    ['hunyuanvideo/comfyui', 'hunyuanvideo'],
  ])("an unknown id '%s' is a format error that proposes %s", (name, proposed) => {
    const error = thrownBy(() => resolveFormat(name));
    expect(error.code).toBe('format');
    expect(error.message).toContain(`'${name}'`);
    expect(error.message.split(';')[1]).toMatch(new RegExp(`\\b${proposed.replace('.', '\\.')}\\b`));
    expect(error.message).toContain('latent-preview/formats/copyleft');
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', ''])("'%s' is no id", (name) => {
    expect(formats[name]).toBeUndefined();
    expect(copyleftFormats[name]).toBeUndefined();
    expect(thrownBy(() => resolveFormat(name)).code).toBe('format');
  });

  it('a very long unknown id is answered at once', () => {
    const start = performance.now();
    thrownBy(() => resolveFormat('x'.repeat(100_000)));
    expect(performance.now() - start).toBeLessThan(500);
  });

  it('lists the families of a channel count, packed ones too', () => {
    const ids = (channels: number): string[] => formatsWithChannels(channels).map(({ id }) => id);
    expect(ids(4).slice(0, 2)).toEqual(['sd15', 'sdxl']);
    expect(ids(16)).toEqual(expect.arrayContaining(['sd3', 'flux', 'wan21', 'hunyuanvideo', 'cogvideox']));
    expect(ids(16)).not.toContain('sd3/invokeai');
    expect(ids(32)).toEqual(expect.arrayContaining(['flux2', 'sana']));
    expect(ids(64)).toEqual(expect.arrayContaining(['flux', 'hunyuanimage21']));
    expect(ids(128)).toEqual(expect.arrayContaining(['flux2', 'ltxv']));
    expect(ids(5)).toEqual([]);
  });
});

describe('objects', () => {
  const own: LatentFormat = {
    id: 'own',
    name: 'Own',
    base: 'own',
    channels: 2,
    dims: 2,
    spatialDownscale: 8,
    latentRgbFactors: [
      [1, 0, 0],
      [0, 1, 0],
    ],
    source: { repo: 'own', licence: 'MIT' },
  };

  it('a valid one is returned as it is', () => {
    expect(resolveFormat(own)).toBe(own);
    const full = { ...own, latentsMean: [0, 1], latentsStd: [1, 2], latentRgbBias: [0, 0, 0] as const };
    expect(resolveFormat(full)).toBe(full);
  });

  const packing = { patch: 2, packedChannels: 8, layouts: ['tokens'] } as const;
  it.each([
    ['no id', { id: '' }, 'id'],
    ['channels 0', { channels: 0 }, 'channels'],
    ['channels 2.5', { channels: 2.5 }, 'channels'],
    ['dims 4', { dims: 4 }, 'dims'],
    ['downscale NaN', { spatialDownscale: Number.NaN }, 'spatialDownscale'],
    ['scale 0', { scalingFactor: 0 }, 'scalingFactor'],
    ['scale as text', { scalingFactor: '0.5' }, 'scalingFactor'],
    ['infinite shift', { shiftFactor: Number.POSITIVE_INFINITY }, 'shiftFactor'],
    ['factors of three channels', { channels: 3 }, 'latentRgbFactors has 2 rows, needed 3'],
    [
      'factors (3, channels)',
      {
        latentRgbFactors: [
          [1, 0],
          [0, 1],
          [0, 0],
        ],
      },
      'transpose',
    ],
    [
      'a short row',
      {
        latentRgbFactors: [
          [1, 0, 0],
          [0, 1],
        ],
      },
      'latentRgbFactors row 1',
    ],
    [
      'NaN in a row',
      {
        latentRgbFactors: [
          [1, 0, Number.NaN],
          [0, 1, 0],
        ],
      },
      'latentRgbFactors row 0',
    ],
    ['flat factors', { latentRgbFactors: [1, 0] }, 'latentRgbFactors row 0'],
    ['a bias of four', { latentRgbBias: [0, 0, 0, 0] }, 'latentRgbBias'],
    ['a bias of null', { latentRgbBias: [0, null, 0] }, 'latentRgbBias'],
    ['a 5×5 kernel', { smoothMatrix: [[1], [1], [1], [1], [1]] }, 'smoothMatrix'],
    ['an unknown activation', { outputActivation: 'tanh' }, 'outputActivation'],
    ['an empty range', { outputRange: [1, 1] }, 'outputRange'],
    ['one mean', { latentsMean: [0] }, 'latentsMean has 1 entries, needed 2'],
    ['a std of 0', { latentsStd: [1, 0] }, 'latentsStd entry 1'],
    ['ragged means', { latentsMean: [[0, 1], [0]] }, 'latentsMean entry 1'],
    ['packed means without packing', { latentsMean: Array(8).fill(0) }, 'latentsMean has 8 entries, needed 2'],
    ['packed channels that do not fit', { packing: { ...packing, packedChannels: 6 } }, 'packing.packedChannels'],
    ['an unknown packing layout', { packing: { ...packing, layouts: ['rows'] } }, 'packing.layouts'],
    ['an unknown packing order', { packing: { ...packing, order: 'row' } }, 'packing.order'],
  ])('%s is a format error that says which field', (_what, change, message) => {
    const error = thrownBy(() => resolveFormat({ ...own, ...change } as unknown as LatentFormat));
    expect(error.code).toBe('format');
    expect(error.message).toContain(message);
  });

  it.each([null, undefined, 4, true])('%s is neither an id nor an object', (value) => {
    expect(thrownBy(() => resolveFormat(value as unknown as LatentFormat)).message).toContain('neither an id nor');
  });
});

interface Reference {
  id: string;
  latentChannels: number;
  dims: number;
  spatialDownscale: number;
  temporalDownscale: number | null;
  scaleFactor: number;
  shiftFactor: number | null;
  latentsMean: number[] | number[][] | null;
  latentsStd: number[] | number[][] | null;
  processIn: string;
  rgbFactors: number[][] | null;
  rgbBias: number[] | null;
  outputActivation: string;
  outputRange: number[] | null;
  smoothMatrix: number[][] | null;
  packing: { tokenChannels: number } | null;
}

const referenceFile = fileURLToPath(new URL('../../shared/reference/latent-formats.json', import.meta.url));
if (!existsSync(referenceFile)) console.log('formats: ../shared is absent, the collected tables are not compared');

describe.skipIf(!existsSync(referenceFile))('the collected tables', () => {
  const references: Reference[] = existsSync(referenceFile) ? JSON.parse(readFileSync(referenceFile, 'utf8')) : [];

  // Where an entry went whose id is not its own here.
  const renamed: Record<string, string> = {
    ltx2: 'ltx2/wan2gp',
    kandinsky21: 'kandinsky21/drawthings',
    flux: 'flux/mold',
    flux2: 'flux2/invokeai',
    wan21: 'wan21/invokeai',
    wan22: 'wan22/invokeai',
    'cosmos1/diffusers': 'cosmos1/comfyui',
  };
  const target = ({ id }: Reference): LatentFormat => {
    const own = id.replace(/1_0$/, '1.0');
    const found = [renamed[id], `${id}/comfyui`, own].map((name) => everything.find((format) => format.id === name));
    return found.find(Boolean) as LatentFormat;
  };
  const single = (values: unknown): unknown =>
    JSON.parse(JSON.stringify(values), (_k, v) => (typeof v === 'number' ? Math.fround(v) : v));

  it('are 71, all here', () => {
    expect(references.length).toBe(71);
    expect(references.filter((reference) => !target(reference)).map(({ id }) => id)).toEqual([]);
  });

  it.each(references.map((reference) => [reference.id, reference] as const))('%s: same map', (_id, reference) => {
    const format = target(reference);
    expect(single(format.latentRgbFactors ?? null)).toEqual(single(reference.rgbFactors));
    if (!reference.rgbFactors) return;
    const equal = everything.filter(
      (other) => JSON.stringify(single(other.latentRgbFactors ?? 0)) === JSON.stringify(single(reference.rgbFactors)),
    );
    expect(new Set(equal.map((other) => other.latentRgbFactors)).size).toBe(1);
    expect(single(format.latentRgbBias ?? null)).toEqual(single(reference.rgbBias));
    expect(format.smoothMatrix ?? null).toEqual(reference.smoothMatrix);
    expect(format.outputActivation ?? 'clamp').toBe(reference.outputActivation.replace('oklab_to_srgb', 'oklab'));
    if (reference.outputActivation === 'clamp') expect(format.outputRange ?? [-1, 1]).toEqual(reference.outputRange);
  });

  it.each(references.map((reference) => [reference.id, reference] as const))('%s: same facts', (id, reference) => {
    const format = target(reference);
    const { patch = 1, packedChannels } = format.packing ?? {};
    const packed = reference.latentChannels === packedChannels ? patch : 1;
    expect(format.channels * packed ** 2).toBe(reference.latentChannels);
    expect(format.spatialDownscale * packed).toBe(reference.spatialDownscale);
    expect(format.dims).toBe(reference.dims);
    // Of these the tables do not have the tokens that diffusers hands out.
    const tokensToo = ['wan21', 'qwen_image_2_1', 'ltxv', 'ltx2', 'ltx2_3'];
    if (id !== 'flux2/fused-render-128' && !tokensToo.includes(format.base))
      expect(format.packing?.packedChannels ?? null).toBe(reference.packing?.tokenChannels ?? null);
    // ComfyUI's class says 1; the VAE has 4.
    if (id !== 'seedvr2') expect(format.temporalDownscale ?? null).toBe(reference.temporalDownscale);
  });

  // ComfyUI converts these two inside the VAE and calls its format the identity.
  const convertedElsewhere = ['cosmos1', 'seedvr2'];
  it.each(
    references
      .filter(({ id }) => !convertedElsewhere.includes(id))
      .map((reference) => [reference.id, reference] as const),
  )('%s: model = (vae − shift − mean) × scale / std is its process_in', (_id, reference) => {
    const { scalingFactor = 1, shiftFactor = 0, latentsMean, latentsStd } = target(reference);
    const at = (values: unknown, c: number, t: number, missing: number): number => {
      const value = (values as (number | number[])[] | null | undefined)?.[c] ?? missing;
      return Math.fround(Array.isArray(value) ? (value[t] as number) : value); // the registry keeps float32 digits
    };
    const count = reference.latentsMean?.length ?? 1;
    for (let c = 0; c < count; c++)
      for (const [t, z] of [-1.75, 0, 0.5, 3].entries()) {
        const mean = at(reference.latentsMean, c, t, 0);
        const std = at(reference.latentsStd, c, t, 1);
        const [scale, shift] = [reference.scaleFactor, reference.shiftFactor ?? 0];
        const formulas: Record<string, number> = {
          z,
          'z*scale': z * scale,
          'z*scale, duplicate first frame, fold frame pairs into channels': z * scale,
          '(z-shift)*scale': (z - shift) * scale,
          '(z-mean)*scale/std': ((z - mean) * scale) / std,
          '(z-mean)/std': (z - mean) / std,
          '(z_patch-bnMean)/bnStd': (z - mean) / std,
          '(z_patch-mean)/std': (z - mean) / std,
          '(z-mean[c][t])/std[c][t]*sigma_data': ((z - mean) / std) * 0.5,
        };
        const wanted = formulas[reference.processIn];
        expect(wanted, reference.processIn).toBeDefined();
        const ours = ((z - shiftFactor - at(latentsMean, c, t, 0)) * scalingFactor) / at(latentsStd, c, t, 1);
        expect(ours).toBeCloseTo(wanted as number, 12);
      }
  });
});
