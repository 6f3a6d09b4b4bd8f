// The decode loop: whenever something that the picture depends on changes, decode and show. One at a time, newest wins.

import { type FrameOptions, LatentPreviewError, type Latents, type Previewer } from '../src/index';
import { choiceOf, type DecoderChoice, familyOf } from './decoders';
import { fileOf, latentsOf } from './entry';
import type { Previewers } from './previewers';
import { currentEntry, type Entry, type State, type Store } from './state';

/** Everything one picture depends on. */
export interface Frame {
  readonly entry: Entry;
  readonly choice: DecoderChoice;
  readonly latents: Latents;
  readonly options: FrameOptions;
}

export interface Shown extends Frame {
  readonly previewer: Previewer;
  /** Milliseconds, the median of the last decodes of this kind. */
  readonly milliseconds: number;
}

export interface Surface {
  /** A canvas that this previewer can draw on. */
  canvas(previewer: Previewer): HTMLCanvasElement;
  decoding(): void;
  shown(shown: Shown): void;
  failed(error: unknown): void;
}

/** The picture that a state asks for; undefined where there is nothing to decode. */
export function frameOf(state: State, entry: Entry | undefined = currentEntry(state)): Frame | undefined {
  const choice = entry && choiceOf(state, entry);
  if (!entry || !choice) return undefined;
  const { item, frame } = entry.position;
  const options = { item, frame, size: state.size, resample: state.filter };
  return { entry, choice, latents: latentsOf(entry), options };
}

export function startDecoding(store: Store, previewers: Previewers, surface: Surface): void {
  let shown: readonly unknown[] = [];
  let wanted = 0;
  let running = false;
  let timings: { key: string; times: number[] } = { key: '', times: [] };

  store.listen((state) => {
    const asked = dependencies(state);
    if (asked.length === shown.length && asked.every((value, index) => value === shown[index])) return;
    shown = asked;
    if (!currentEntry(state)) return;
    wanted++;
    surface.decoding();
    if (!running) void run();
  });

  async function run(): Promise<void> {
    running = true;
    for (let done = 0; done !== wanted; ) {
      const serial = wanted;
      try {
        await decode(() => serial !== wanted);
      } catch (error) {
        if (serial === wanted) surface.failed(error);
      }
      done = serial;
    }
    running = false;
  }

  async function decode(superseded: () => boolean, retried = false): Promise<void> {
    const { state } = store;
    const entry = currentEntry(state);
    if (!entry) return;
    const frame = frameOf(state, entry);
    if (!frame) throw new NoDecoder(entry);
    try {
      const previewer = await previewers.get(frame.choice, state.backend);
      if (superseded()) return;
      const canvas = surface.canvas(previewer);
      const key = [previewer.backend, frame.choice.id, state.size, state.filter, fileOf(entry).name].join('|');
      if (timings.key !== key) timings = { key, times: [] };
      // The first decode of a kind also compiles; two more make the median that of the work alone.
      do timings.times.push(await timed(previewer, frame, canvas));
      while (timings.times.length < 3 && sum(timings.times) < 400 && !superseded() && !state.playing);
      timings.times.splice(0, timings.times.length - 9);
      if (!superseded() || state.playing) surface.shown({ ...frame, previewer, milliseconds: median(timings.times) });
    } catch (error) {
      if (retried || !(error instanceof LatentPreviewError) || error.code !== 'gpu-lost') throw error;
      previewers.reset();
      await decode(superseded, true);
    }
  }
}

/** Thrown where a family has no table under a permissive licence and the user has not chosen another. */
export class NoDecoder extends Error {
  constructor({ format }: Entry) {
    super(`${familyOf(format).name}: nobody has published a map to RGB under a permissive licence.`);
  }
}

/** What the picture depends on; compared by identity. */
function dependencies(state: State): readonly unknown[] {
  const entry = currentEntry(state);
  if (!entry) return [];
  const { file, item, frame } = entry.position;
  const latents = fileOf(entry).latents;
  const read = [entry.format, entry.decoder, entry.domain, entry.layout, entry.grid];
  return [entry.id, latents, file, item, frame, ...read, state.size, state.filter, state.backend];
}

/** Until the pixels are there: the queue's end on a GPU, the call's own on the CPU. */
async function timed(previewer: Previewer, { latents, options }: Frame, canvas: HTMLCanvasElement): Promise<number> {
  const start = performance.now();
  await previewer.toCanvas(latents, canvas, options);
  await previewer.device?.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
