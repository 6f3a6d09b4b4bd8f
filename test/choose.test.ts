// Which decoder `auto` takes: by the clock it is given, not by how fast the machine is that runs the tests. And names.

import { afterEach, expect, it, vi } from 'vitest';
import { type Candidate, type Choice, openBest, resolveDecoder } from '../src/choose';
import type { Decoder } from '../src/decoders/decoder';
import { formats } from '../src/index';
import type { Latents } from '../src/latents';
import { minis } from '../src/minis/minis';
import { miniWeights, shipped } from './mini-net';

const answers = new Map<string, () => Promise<Decoder>>();
vi.mock('../src/minis/minis', async () => {
  const { mini } = await import('../src/decoders/mini');
  const load = (id: string) => async (): Promise<Decoder> =>
    answers.get(id)?.() ?? {
      ...mini(miniWeights({ ...shipped, channels: 4, low: 4, high: 4 })),
      name: `mini ${id}`,
      format: id,
    };
  return { minis: { sd15: vi.fn(load('sd15')), sdxl: vi.fn(load('sdxl')) } };
});

afterEach(() => {
  answers.clear();
  vi.clearAllMocks();
});

/** The pictures' sides, and what became of the candidates. */
interface Told {
  readonly opened: string[];
  readonly freed: string[];
  readonly sides: number[];
}

let places = 0;

/** A device whose decodes take what is given for a side, the first of each size ten times that. */
function device(timeOf: (side: number) => number, rest: Partial<Choice<Candidate>> = {}) {
  const told: Told = { opened: [], freed: [], sides: [] };
  let clock = 0;
  const choice: Choice<Candidate & { readonly name: string }> = {
    format: formats.sdxl!,
    map: { name: 'the map' } as Decoder,
    acquired: { device: { adapterInfo: { vendor: `${places++}` } } as GPUDevice, owned: true, software: false },
    precision: 'auto',
    frameBudget: 100,
    now: () => clock,
    ...(rest as object),
    open: async ({ name }) => {
      told.opened.push(name);
      return {
        name,
        toImageData: async ({ tensor }: Latents) => {
          const side = tensor.shape.at(-1)!;
          clock += timeOf(side) * (told.sides.includes(side) ? 1 : 10);
          told.sides.push(side);
          return {} as ImageData;
        },
        destroy: () => told.freed.push(name),
      };
    },
  };
  return { choice, told };
}

it('is the mini decoder on a fast device, measured after what a first decode takes longer', async () => {
  const { choice, told } = device((side) => side / 2);
  expect((await openBest(choice)).name).toBe('mini sdxl');
  expect(told).toEqual({ opened: ['mini sdxl'], freed: [], sides: [16, 16, 16, 64, 64, 64] });
});

it('is the map on a slow device, whose mini decoder is freed', async () => {
  const { choice, told } = device((side) => side * 2);
  expect((await openBest(choice)).name).toBe('the map');
  expect(told).toEqual({ opened: ['mini sdxl', 'the map'], freed: ['mini sdxl'], sides: [16, 16, 16, 64, 64, 64] });
});

it('decodes nothing large on a very slow device', async () => {
  const { choice, told } = device(() => 101);
  expect((await openBest(choice)).name).toBe('the map');
  expect(told.sides).toEqual([16, 16, 16]);
});

it('on the CPU works the time out from a sixteenth', async () => {
  for (const [milliseconds, name] of [
    [6, 'mini sd15'],
    [7, 'the map'],
  ] as const) {
    // What was measured on the CPU holds: another format each.
    const format = milliseconds === 6 ? formats.sd15! : formats.sdxl!;
    const { choice, told } = device(() => milliseconds, { acquired: undefined, format });
    expect((await openBest(choice)).name).toBe(name);
    expect(told.sides).toEqual([16, 16, 16]);
  }
});

it('measures once for devices of a kind, for budgets of all sizes, also where two ask at once', async () => {
  const { choice, told } = device(() => 50);
  const both = await Promise.all([openBest(choice), openBest(choice)]);
  expect(both.map(({ name }) => name)).toEqual(['mini sdxl', 'mini sdxl']);
  const decodes = told.sides.length;
  expect((await openBest({ ...choice, frameBudget: 40 })).name).toBe('the map');
  expect((await openBest(choice)).name).toBe('mini sdxl');
  expect(told.sides).toHaveLength(decodes);
  expect(decodes).toBe(6);
  // Of what is too slow nothing is opened.
  expect(told.opened).toEqual(['mini sdxl', 'mini sdxl', 'the map', 'mini sdxl']);
});

it('asks for no weights with a budget of 0, and measures nothing with an endless one', async () => {
  const none = device(() => 1, { frameBudget: 0 });
  expect((await openBest(none.choice)).name).toBe('the map');
  expect(minis.sdxl).not.toHaveBeenCalled();
  const all = device(() => 1e9, { frameBudget: Number.POSITIVE_INFINITY });
  expect((await openBest(all.choice)).name).toBe('mini sdxl');
  expect(all.told.sides).toEqual([]);
});

it('is the map on software GPUs, without a try', async () => {
  const { choice, told } = device(() => 1);
  const software = { ...choice, acquired: { ...choice.acquired!, software: true } };
  expect((await openBest(software)).name).toBe('the map');
  expect(told.opened).toEqual(['the map']);
});

it('is the map for variants and formats of one’s own, which have their tables', async () => {
  for (const format of [formats['sdxl/invokeai']!, { ...formats.sdxl! }, formats.wan21!]) {
    const { choice } = device(() => 1, { format });
    expect((await openBest(choice)).name).toBe('the map');
  }
});

it('is the map where the weights are not to be had, and tries again the next time', async () => {
  answers.set('sd15', () => Promise.reject(new Error('offline')));
  const { choice, told } = device(() => 1, { format: formats.sd15! });
  // Another test may have loaded them.
  vi.resetModules();
  const { openBest } = await import('../src/choose');
  const again = { ...choice, format: (await import('../src/index')).formats.sd15! };
  expect((await openBest(again)).name).toBe('the map');
  answers.clear();
  expect((await openBest(again)).name).toBe('mini sd15');
  expect(told.freed).toEqual([]);
});

it('is the map where the mini decoder fails, which is freed', async () => {
  const { choice, told } = device(() => {
    throw new Error('out of memory');
  });
  expect((await openBest(choice)).name).toBe('the map');
  expect(told.freed).toEqual(['mini sdxl']);
});

it('is the map where it takes too long to find out, and what comes later is freed', async () => {
  const { choice, told } = device(() => 1, { patience: 5 });
  let go = (): void => {};
  const waiting = new Promise<void>((resolve) => {
    go = resolve;
  });
  const open: typeof choice.open = async (decoder) => {
    if (decoder.name.startsWith('mini')) await waiting;
    return choice.open(decoder);
  };
  expect((await openBest({ ...choice, open })).name).toBe('the map');
  expect(told.freed).toEqual([]);
  go();
  await vi.waitFor(() => expect(told.freed).toEqual(['mini sdxl']));
});

it('rejects as the map does', async () => {
  const { choice } = device(() => 1000);
  const open: typeof choice.open = async ({ name }) => {
    throw new Error(name);
  };
  await expect(openBest({ ...choice, open })).rejects.toThrow('the map');
});

it('knows decoders by name', async () => {
  const nameOf = async (...asked: Parameters<typeof resolveDecoder>): Promise<string> =>
    (await resolveDecoder(...asked)).chosen.name;
  expect(await nameOf('mini', formats.sdxl!)).toBe('mini sdxl');
  // A variant's latents are the family's.
  expect(await nameOf('mini', formats['sdxl/invokeai']!)).toBe('mini sdxl');
  expect(await nameOf('map', formats.sdxl!)).toMatch(/^sdxl /);
  expect(await nameOf('auto', formats.sdxl!)).toMatch(/^sdxl /);
  expect(await nameOf('linear', formats.sdxl!)).toBe('linear sdxl');
  expect(await nameOf('map', formats.wan21!)).toBe('affine wan21');
  await expect(nameOf('mini', formats.wan21!)).rejects.toMatchObject({
    code: 'format',
    message:
      "previewer: there is no mini decoder for format 'wan21', only for sd15, sdxl and the formats based on these; use decoder 'auto' or 'map'",
  });
  await expect(nameOf('best' as 'map', formats.sdxl!)).rejects.toMatchObject({
    code: 'format',
    message: expect.stringMatching(
      /^previewer: decoder is 'best', needed is 'auto', 'mini', 'map', 'linear' or a decoder/,
    ),
  });
});
