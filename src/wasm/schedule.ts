// Where every activation of a decode lies, and which rows of which layer run when. A picture that fits is computed layer
// by layer. A larger one streams through the net in horizontal bands: each layer computes the rows that those after it
// ask for next, and keeps of its last rows what they will ask for again. Nothing is computed twice.

import type { Conv2dParams } from '../ops/conv2d';
import { conv2d, pixelShuffle } from '../ops/index';
import { type Layer, paramsOf } from '../ops/op';
import type { Shape } from '../tensor';

/** Where a value lies: (C, rows, W) from `place` on, a count of floats. Value 0 is the network's input, k + 1 layer k's. */
export interface Placed {
  readonly place: number;
  readonly rows: number;
  /** (C, H, W) of the whole picture. */
  readonly shape: Shape;
}

/** The rows of a value that are in memory, of which `first` lies first. */
interface Held {
  readonly value: number;
  readonly first: number;
}

export type Task =
  /** The network's input goes to its place. */
  | { readonly kind: 'load' }
  /** Rows first … end are computed. */
  | {
      readonly kind: 'run';
      readonly layer: number;
      readonly first: number;
      readonly end: number;
      readonly input: Held;
      readonly added?: Held;
      readonly output: Held;
    }
  /** Rows first … end move to the start of their place, where `from` lay first; those before them go. */
  | {
      readonly kind: 'keep';
      readonly value: number;
      readonly from: number;
      readonly first: number;
      readonly end: number;
    }
  /** Rows first … end of the result are there, and will go. */
  | { readonly kind: 'store'; readonly first: number; readonly end: number; readonly from: Held };

export interface Schedule {
  readonly tasks: readonly Task[];
  readonly places: ReadonlyMap<number, Placed>;
  /** Floats of memory that all of it fits into. */
  readonly floats: number;
  readonly outputShape: Shape;
}

/** conv/ computes four rows at a time, counted from the picture's top. */
const rowStep = 4;

/**
 * @param shape of the network's input, (C, H, W)
 * @param budget in floats; bands get smaller until they fit, or are as small as can be
 * @throws LatentPreviewError `shape` where a layer cannot take what it is given
 */
export function scheduleLayers(layers: readonly Layer[], shape: Shape, budget: number): Schedule {
  const shapes: Shape[] = [shape];
  for (const [index, layer] of layers.entries()) shapes.push(layer.outputShape(shapes[inputOf(layer, index)]));
  const height = shapes[layers.length][1];
  let least: Schedule | undefined;
  for (let count = 1, rows = height; ; count = Math.ceil(count * 1.2)) {
    const next = Math.ceil(height / count / rowStep) * rowStep;
    if (least && next === rows) continue;
    rows = next;
    const { tasks, kept } = streamRows(layers, shapes, rows);
    const { places, floats } = placeValues(tasks, kept, shapes);
    if (!least || floats < least.floats) least = { tasks, places, floats, outputShape: shapes[layers.length] };
    if (least.floats <= budget || rows <= rowStep) return least;
  }
}

const inputOf = ({ from = 1 }: Layer, index: number): number => index + 1 - from;
const addedOf = ({ add }: Layer, index: number): number | undefined =>
  add === undefined ? undefined : index + 1 - add;

/** How the layers that run row by row look at their input; undefined for those that take all of it. */
function windowOf(layer: Layer): (Pick<Conv2dParams, 'padding' | 'size'> & { readonly upscale: number }) | undefined {
  const factor = paramsOf(layer, pixelShuffle)?.factor;
  return factor ? { padding: 0, size: 1, upscale: factor } : paramsOf(layer, conv2d);
}

/** What happens where `rows` rows of the result are asked for at a time, and the most rows that each value holds. */
function streamRows(
  layers: readonly Layer[],
  shapes: readonly Shape[],
  rows: number,
): { tasks: Task[]; kept: Map<number, number> } {
  const result = layers.length;
  const tasks: Task[] = [{ kind: 'load' }];
  const kept = new Map([[0, shapes[0][1]]]);
  const first = shapes.map(() => 0);
  const end = shapes.map((_, value) => (value === 0 ? shapes[0][1] : 0));
  const readers = readersOf(layers, neededEnds(layers, shapes, shapes[result][1]));
  for (let stored = 0; stored < shapes[result][1]; ) {
    const needed = neededEnds(layers, shapes, stored + rows);
    for (const [index, layer] of layers.entries()) {
      const value = index + 1;
      if (needed[value] <= end[value]) continue;
      const still = Math.min(
        end[value],
        ...readers[value].map((reader) => reader(end)),
        value === result ? stored : end[value],
      );
      if (still > first[value]) {
        tasks.push({ kind: 'keep', value, from: first[value], first: still, end: end[value] });
        first[value] = still;
      }
      const hold = (held: number): Held => ({ value: held, first: first[held] });
      const added = addedOf(layer, index);
      tasks.push({
        kind: 'run',
        layer: index,
        first: end[value],
        end: needed[value],
        input: hold(inputOf(layer, index)),
        ...(added === undefined ? {} : { added: hold(added) }),
        output: hold(value),
      });
      end[value] = needed[value];
      kept.set(value, Math.max(kept.get(value) ?? 0, end[value] - first[value]));
    }
    tasks.push({ kind: 'store', first: stored, end: end[result], from: { value: result, first: first[result] } });
    stored = end[result];
  }
  return { tasks, kept };
}

/** For each value what tells, from how far all values are, the first row that a layer will read of it. */
function readersOf(layers: readonly Layer[], used: readonly number[]): ((end: readonly number[]) => number)[][] {
  const readers: ((end: readonly number[]) => number)[][] = Array.from({ length: layers.length + 1 }, () => []);
  for (const [index, layer] of layers.entries()) {
    if (used[index + 1] === 0) continue;
    const window = windowOf(layer);
    readers[inputOf(layer, index)].push((end) =>
      window ? Math.max(0, Math.floor((end[index + 1] - window.padding) / window.upscale)) : 0,
    );
    const added = addedOf(layer, index);
    if (added !== undefined) readers[added].push((end) => end[index + 1]);
  }
  return readers;
}

/** How far down each value must reach for the result to reach `end`, in whole steps of rows; 0 where nobody reads it. */
function neededEnds(layers: readonly Layer[], shapes: readonly Shape[], end: number): number[] {
  const needed = shapes.map(() => 0);
  const need = (value: number, row: number): void => {
    const whole = Math.min(shapes[value][1], Math.ceil(row / rowStep) * rowStep);
    needed[value] = Math.max(needed[value], whole);
  };
  need(layers.length, end);
  for (let index = layers.length - 1; index >= 0; index--) {
    const layer = layers[index];
    const window = windowOf(layer);
    // A reference() takes and gives whole pictures.
    if (!window && needed[index + 1] > 0) needed[index + 1] = shapes[index + 1][1];
    const rows = needed[index + 1];
    if (rows === 0) continue;
    const input = inputOf(layer, index);
    // One row at least: what reads but the zeros around its input still has an input.
    if (window)
      need(input, Math.max(1, Math.floor((rows - 1 - window.padding + window.size - 1) / window.upscale) + 1));
    else need(input, shapes[input][1]);
    const added = addedOf(layer, index);
    if (added !== undefined) need(added, rows);
  }
  return needed;
}

/** Keeps values apart that are as large as each other: equal places of theirs fell into the same cache sets. */
const gap = 16;

/** First fit, in the order of first use; a place is free again after its value's last use. */
function placeValues(
  tasks: readonly Task[],
  kept: ReadonlyMap<number, number>,
  shapes: readonly Shape[],
): { places: Map<number, Placed>; floats: number } {
  const uses = tasks.map(usedBy);
  const last = new Map(uses.flatMap((values, time) => values.map((value) => [value, time] as const)));
  const places = new Map<number, Placed>();
  let taken: { value: number; place: number; end: number }[] = [];
  let floats = 0;
  uses.forEach((values, time) => {
    for (const value of values) {
      const rows = kept.get(value);
      if (places.has(value) || rows === undefined) continue;
      const [channels, , width] = shapes[value];
      const size = channels * rows * width;
      let place = 0;
      for (const block of taken) {
        if (block.place - place >= size) break;
        place = (Math.ceil(block.end / gap) + 1) * gap;
      }
      places.set(value, { place, rows, shape: shapes[value] });
      taken.push({ value, place, end: place + size });
      taken.sort((a, b) => a.place - b.place);
      floats = Math.max(floats, place + size);
    }
    taken = taken.filter(({ value }) => (last.get(value) ?? time) > time);
  });
  return { places, floats };
}

function usedBy(task: Task): number[] {
  if (task.kind === 'load') return [0];
  if (task.kind === 'keep') return [task.value];
  if (task.kind === 'store') return [task.from.value];
  return [task.input.value, ...(task.added ? [task.added.value] : []), task.output.value];
}
