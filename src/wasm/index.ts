// Layers on the CPU with WebAssembly SIMD: what conv decoders run on where there is no GPU, or only a software one.
// Convolutions run in the module and leave their activations in its memory; the few other layers run their reference()
// on the same memory. Uses nothing of a page: it runs in a worker as well.

import { Clock, type LongWork, nextTurn } from '../clock';
import { LatentPreviewError } from '../errors';
import type { Conv2dParams } from '../ops/conv2d';
import { conv2d, pixelShuffle } from '../ops/index';
import { type Layer, paramsOf } from '../ops/op';
import { elementCount, formatShape, type Shape } from '../tensor';
import { type ConvModule, loadConvModule } from './module';
import { type Placed, type Schedule, scheduleLayers, type Task } from './schedule';
import { type HeldRows, shuffleRows } from './shuffle';

export interface ConvRunner {
  /**
   * Runs all layers; (C, H, W) in and out. Gives the page or worker a turn about every 30 ms. Calls are answered in order.
   * @throws LatentPreviewError `shape` where a layer cannot take its input, `gpu-limit` where memory does not suffice
   */
  run(input: Float32Array, shape: Shape, options?: LongWork): Promise<{ planes: Float32Array; shape: Shape }>;
}

type RunTask = Extract<Task, { kind: 'run' }>;
type KeepTask = Extract<Task, { kind: 'keep' }>;
type StoreTask = Extract<Task, { kind: 'store' }>;

/** Multiplications between two looks at the clock: a millisecond where it is fast, 20 where it is slow. */
const lookEvery = 5e7;
/** A multiple of the cells that conv/ computes together. */
const cellStep = 12;

/**
 * Prepares a list of layers. A runner keeps the memory that its largest run needed, weights included: up to `memory`
 * bytes, more only where the smallest bands need more. Nothing has to be freed.
 * @returns undefined where WebAssembly or its SIMD is missing, or forbidden by the page ('wasm-unsafe-eval' allows it)
 */
export async function createConvRunner(
  layers: readonly Layer[],
  { memory = 128 * 2 ** 20 }: { memory?: number } = {},
): Promise<ConvRunner | undefined> {
  const module = await loadConvModule();
  return module && new LayerRunner(module, layers, memory);
}

class LayerRunner implements ConvRunner {
  readonly #module: ConvModule;
  readonly #layers: readonly Layer[];
  /** Addresses of the convolutions' packed weights, by the layer's number. */
  readonly #packed: readonly number[];
  readonly #isPacked = new Set<number>();
  /** Where a layer's weights lie as they came, while they are packed. */
  readonly #raw: number;
  readonly #scratch: number;
  /** Where activations lie from. */
  readonly #start: number;
  readonly #memory: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(module: ConvModule, layers: readonly Layer[], memory: number) {
    this.#module = module;
    this.#layers = layers;
    this.#memory = memory;
    let end = module.start;
    const take = (floats: number): number => {
      const address = end;
      end = Math.ceil((end + floats * 4) / 64) * 64;
      return address;
    };
    let [raw, scratch] = [0, 0];
    this.#packed = layers.map((layer) => {
      const conv = paramsOf(layer, conv2d);
      if (!conv) return 0;
      module.describeParams(conv);
      raw = Math.max(raw, conv.weight.length + conv.outputs);
      scratch = Math.max(scratch, module.scratchFloats());
      return take(module.packedFloats());
    });
    this.#raw = take(raw);
    this.#scratch = take(scratch);
    this.#start = end;
    module.reserve(end);
  }

  run(input: Float32Array, shape: Shape, options: LongWork = {}): Promise<{ planes: Float32Array; shape: Shape }> {
    // The memory is one run's at a time.
    const done = this.#last.then(() => this.#run(input, shape, options));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #run(input: Float32Array, shape: Shape, options: LongWork): Promise<{ planes: Float32Array; shape: Shape }> {
    // A caller's loop over small pictures would otherwise never end its task.
    await nextTurn();
    options.signal?.throwIfAborted();
    if (input.length !== elementCount(shape))
      throw new LatentPreviewError('shape', `conv: ${input.length} numbers are not ${formatShape(shape)}`);
    const { tasks, places, outputShape } = this.#schedule(shape);
    const planes = new Float32Array(elementCount(outputShape));
    const clock = new Clock(this.#work(tasks, places), options);
    const at = (value: number): Placed => places.get(value) as Placed;
    for (const task of tasks) {
      if (task.kind === 'load') this.#view(at(0)).set(input);
      else if (task.kind === 'run') await this.#runRows(task, at, clock);
      else if (task.kind === 'keep') this.#keepRows(task, at(task.value));
      else this.#storeRows(task, at(task.from.value), planes);
    }
    options.onProgress?.(1);
    return { planes, shape: outputShape };
  }

  /** In smaller bands where the platform does not give the memory. */
  #schedule(shape: Shape): Schedule {
    let budget = (this.#memory - this.#start) / 4;
    for (let least = Number.POSITIVE_INFINITY; ; budget /= 2) {
      const schedule = scheduleLayers(this.#layers, shape, budget);
      const bytes = this.#start + schedule.floats * 4;
      try {
        this.#module.reserve(bytes);
        return schedule;
      } catch (cause) {
        if (schedule.floats < least) {
          least = schedule.floats;
          continue;
        }
        throw new LatentPreviewError(
          'gpu-limit',
          `conv: ${formatShape(shape)} needs ${Math.ceil(bytes / 2 ** 20)} MiB of memory, which is not to be had; decode fewer pixels at a time`,
          { cause },
        );
      }
    }
  }

  #work(tasks: readonly Task[], places: Schedule['places']): number {
    let sum = 0;
    for (const task of tasks)
      if (task.kind === 'run') sum += this.#workOf(task, places.get(task.output.value) as Placed);
    return sum;
  }

  #workOf = ({ layer, first, end }: RunTask, { shape }: Placed): number =>
    this.#layers[layer].work * (end - first) * shape[2];

  async #runRows(task: RunTask, at: (value: number) => Placed, clock: Clock): Promise<void> {
    const layer = this.#layers[task.layer];
    const [input, output] = [at(task.input.value), at(task.output.value)];
    const added = task.added && at(task.added.value);
    const work = this.#workOf(task, output);
    const conv = paramsOf(layer, conv2d);
    const shuffle = paramsOf(layer, pixelShuffle);
    if (shuffle) {
      const rowsOf = (placed: Placed, { first }: { readonly first: number }): HeldRows => ({
        values: this.#view(placed),
        rows: placed.rows,
        first,
      });
      const [from, to] = [rowsOf(input, task.input), rowsOf(output, task.output)];
      shuffleRows(from, to, input.shape[2], shuffle, [task.first, task.end]);
      return clock.worked(work);
    }
    if (!conv) {
      layer.reference(this.#view(input), input.shape, this.#view(output), added && this.#view(added));
      return clock.worked(work);
    }
    const module = this.#module;
    module.describeParams(conv);
    module.describe({
      packed: this.#packed[task.layer],
      scratch: this.#scratch,
      width: input.shape[2],
      height: input.shape[1],
      outputWidth: output.shape[2],
      first: task.first,
      end: task.end,
      input: this.#address(input),
      inputFirst: task.input.first,
      inputRows: input.rows,
      output: this.#address(output),
      outputFirst: task.output.first,
      outputRows: output.rows,
      added: added ? this.#address(added) : 0,
      addedFirst: task.added?.first ?? 0,
      addedRows: added?.rows ?? 0,
    });
    this.#pack(task.layer, conv);
    const cells = module.cellCount();
    const stride = cellStep * Math.max(1, Math.floor(lookEvery / (work / cells) / cellStep));
    for (let first = 0; first < cells; first += stride) {
      const end = Math.min(cells, first + stride);
      module.run(first, end);
      await clock.worked((work * (end - first)) / cells);
    }
  }

  /** At a layer's first use: all at once would hold up the page. */
  #pack(layer: number, { weight, bias }: Conv2dParams): void {
    if (this.#isPacked.has(layer)) return;
    const module = this.#module;
    const biasFrom = this.#raw + weight.length * 4;
    module.floats(this.#raw, weight.length).set(weight);
    if (bias) module.floats(biasFrom, bias.length).set(bias);
    module.describe({ weight: this.#raw, bias: bias ? biasFrom : 0 });
    module.pack();
    this.#isPacked.add(layer);
  }

  #keepRows({ from, first, end }: KeepTask, placed: Placed): void {
    const { rows, shape } = placed;
    const view = this.#view(placed);
    for (let c = 0; c < shape[0]; c++) {
      const start = c * rows * shape[2];
      view.copyWithin(start, start + (first - from) * shape[2], start + (end - from) * shape[2]);
    }
  }

  #storeRows({ first, end, from }: StoreTask, placed: Placed, planes: Float32Array): void {
    const { rows, shape } = placed;
    const [channels, height, width] = shape;
    const view = this.#view(placed);
    for (let c = 0; c < channels; c++) {
      const start = (c * rows + first - from.first) * width;
      planes.set(view.subarray(start, start + (end - first) * width), (c * height + first) * width);
    }
  }

  #address = ({ place }: Placed): number => this.#start + place * 4;

  #view(placed: Placed): Float32Array {
    const [channels, , width] = placed.shape;
    return this.#module.floats(this.#address(placed), channels * placed.rows * width);
  }
}
