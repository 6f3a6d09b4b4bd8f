// The measurement: contenders side by side in one process, interleaved round by round. main.ts runs it in a page, node.ts in
// Node.

import type { Contender, Latents, Output, Session } from './contender';
import { charge, dispatchCount, memoryPeak } from './meter';
import { miniPlanes } from './mini';
import { executedFlops, type Network, noise, nominalFlops, type TaskName } from './network';

export interface BenchOptions {
  readonly sizes: Readonly<Partial<Record<TaskName, readonly number[]>>>;
  readonly rounds: number;
  /** Also the contenders that take tens of seconds per decode on a software GPU. */
  readonly slow: boolean;
  /** Parts of names, in lower case; empty: all. */
  readonly only: readonly string[];
}

export interface Contenders {
  readonly all: readonly Contender[];
  /** Whose TAESD the others are compared with. */
  readonly reference: Contender;
  readonly say: (...parts: unknown[]) => void;
  /** Processor milliseconds so far, of all that takes part; absent where nobody can tell. */
  readonly processor?: () => Promise<number | undefined>;
}

/** Times in milliseconds, memory in bytes. */
export interface Row {
  readonly task: TaskName;
  readonly size: number;
  readonly name: string;
  readonly flops: number;
  /** Those of them that the contender's way of convolving takes. */
  readonly executed: number;
  /** At the first size of its task alone: what is set up serves all sizes. */
  setUp?: number;
  first?: number;
  readonly steady: number[];
  /** Decodes per entry of `steady`, which is their mean. */
  repeats: number;
  dispatches?: number;
  memory?: { gpu: number; wasm: number };
  /** Processor time of the steady decodes, and how many they were. */
  processor?: { time: number; decodes: number };
  /** Largest difference from the reference in 0..1. */
  planesError?: number;
  /** The same in steps of 1/255. */
  pixelsError?: number;
  failure?: string;
  /** Why it was not run. */
  skipped?: string;
}

/** Milliseconds from which on a decode is slow. */
const slowFrom = 10_000;
/** What it is measured by: the fewest steady decodes with a median and a spread. */
export const slowRounds = 3;
/** Milliseconds that a decode may take, as the size before lets expect. */
const longest = 75_000;
/** The same for a library's older form. */
const longestOlder = 20_000;

export async function timed(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

const everybodys: readonly TaskName[] = ['taesd', 'linear'];

const seed = 7;
export const latentsOf = (size: number): Latents => ({ size, data: noise(4 * size * size, seed + size) });

async function referencePlanes(
  network: Network,
  session: Session | undefined,
  latents: Latents,
): Promise<Float32Array> {
  charge('reference');
  if (session) {
    const output = await session.decode(latents);
    if (!output || !('planes' in output)) throw new Error('the reference gives planes');
    return output.planes.slice();
  }
  if (network.task === 'mini') return miniPlanes(network, latents.data, latents.size);
  const { weight, bias } = network.convs.get('map')!;
  const count = latents.size ** 2;
  return Float32Array.from({ length: 3 * count }, (_, at) => {
    const [plane, pixel] = [Math.floor(at / count), at % count];
    let sum = bias![plane]!;
    for (let c = 0; c < 4; c++) sum += weight[plane * 4 + c]! * latents.data[c * count + pixel]!;
    return sum;
  });
}

function compare(output: Output, expected: Float32Array): Pick<Row, 'planesError' | 'pixelsError'> {
  if (!output) return {};
  let worst = 0;
  if ('planes' in output) {
    if (output.planes.length !== expected.length)
      throw new Error(`${output.planes.length} values for ${expected.length}`);
    for (let at = 0; at < expected.length; at++) {
      const difference = Math.abs(output.planes[at]! - expected[at]!);
      if (!Number.isFinite(difference)) throw new Error(`value ${at} is ${output.planes[at]}`);
      worst = Math.max(worst, difference);
    }
    return { planesError: worst };
  }
  const count = expected.length / 3;
  if (output.pixels.length !== count * 4) throw new Error(`${output.pixels.length} bytes for ${count} pixels`);
  for (let at = 0; at < expected.length; at++) {
    const byte = output.pixels[(at % count) * 4 + Math.floor(at / count)]!;
    const rounded = Math.floor(Math.min(1, Math.max(0, expected[at]!)) * 255 + 0.5);
    worst = Math.max(worst, Math.abs(byte - rounded));
  }
  return { pixelsError: worst };
}

/** Set up (where that is still to do), decoded once, checked. */
async function begin(row: Row, contender: Contender, sessions: Map<string, Session>, network: Network, at: Latents) {
  let session = sessions.get(row.name);
  if (!session) {
    row.setUp = await timed(async () => {
      session = await contender.prepare(network);
    });
    sessions.set(row.name, session!);
  }
  const before = dispatchCount();
  let output: Output;
  row.first = await timed(async () => {
    output = await session!.decode(at);
  });
  row.dispatches = dispatchCount() - before;
  row.memory = memoryPeak();
  return output;
}

/** One entry of `steady`: a decode, or the mean of some where one takes less than the clock and the system's noise. */
async function sample(row: Row, session: Session, latents: Latents, processor: Contenders['processor']): Promise<void> {
  if (row.steady.length === 0 && row.first! < 200) {
    // The first decodes are the interpreter's.
    const begun = performance.now();
    let least = Number.POSITIVE_INFINITY;
    while (performance.now() - begun < 150) least = Math.min(least, await timed(() => session.decode(latents)));
    row.repeats = Math.min(400, Math.ceil(20 / least));
  }
  const before = await processor?.();
  const whole = await timed(async () => {
    for (let repeat = 0; repeat < row.repeats; repeat++) await session.decode(latents);
  });
  row.steady.push(whole / row.repeats);
  const after = await processor?.();
  if (before === undefined || after === undefined) return;
  row.processor ??= { time: 0, decodes: 0 };
  row.processor.time += after - before;
  row.processor.decodes += row.repeats;
}

async function runTask(
  network: Network,
  sizes: readonly number[],
  options: BenchOptions,
  { all, reference, say, processor }: Contenders,
): Promise<Row[]> {
  const { task } = network;
  const wanted = all.filter(
    ({ name, tasks, slow }) =>
      (tasks ?? everybodys).includes(task) &&
      (!slow || options.slow) &&
      (options.only.length === 0 || options.only.some((part) => name.toLowerCase().includes(part))),
  );
  charge('reference');
  await reference.load?.();
  // The others' truth are loops.
  const truth = network.task === 'taesd' ? await reference.prepare(network) : undefined;
  const sessions = new Map<string, Session>();
  const rows: Row[] = [];
  for (const size of sizes) {
    const latents = latentsOf(size);
    const expected = await referencePlanes(network, truth, latents);
    const atThisSize: Row[] = [];
    for (const contender of wanted) {
      const { name } = contender;
      const flops = nominalFlops(network, size);
      const executed = contender.convolves ? executedFlops(network, size, contender.convolves) : flops;
      const row: Row = { task, size, name, flops, executed, steady: [], repeats: 1 };
      const smaller = rows.filter((one) => one.name === name && one.steady.length > 0).at(-1);
      rows.push(row);
      const expectedTime = smaller ? (smaller.steady[0]! * row.flops) / smaller.flops : 0;
      if (expectedTime > (contender.older ? longestOlder : longest)) {
        row.skipped = `not run: about ${Math.round(expectedTime / 1000)} s per decode, going by ${smaller?.size}×${smaller?.size}`;
        continue;
      }
      charge(name);
      try {
        await contender.load?.();
        const output = await begin(row, contender, sessions, network, latents);
        Object.assign(row, compare(output, expected));
        // The check's own memory is not the contender's.
        charge('checks');
        Object.assign(row, compare(await sessions.get(name)?.check?.(latents), expected));
        atThisSize.push(row);
        say(task, size, name, 'set-up', row.setUp?.toFixed(0), 'first', row.first?.toFixed(1));
      } catch (error) {
        row.failure = String(error);
        say(task, size, name, 'failed:', row.failure);
      }
    }
    for (let round = 0; round < options.rounds; round++)
      for (const row of atThisSize) {
        if ((round >= slowRounds && row.first! > slowFrom) || row.failure) continue;
        charge(row.name);
        try {
          await sample(row, sessions.get(row.name)!, latents, processor);
          row.memory = memoryPeak();
        } catch (error) {
          row.failure = String(error);
        }
        say(task, size, row.name, 'steady', row.steady.at(-1)?.toFixed(3) ?? row.failure);
      }
  }
  for (const session of [truth, ...sessions.values()]) session?.destroy?.();
  return rows;
}

/** The networks' tasks one after the other, each at its sizes. */
export async function measure(networks: readonly Network[], options: BenchOptions, contenders: Contenders) {
  const rows: Row[] = [];
  for (const network of networks) {
    const sizes = options.sizes[network.task];
    if (sizes?.length) rows.push(...(await runTask(network, sizes, options, contenders)));
  }
  return rows;
}
