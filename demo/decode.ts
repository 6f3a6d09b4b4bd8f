// The decode loop: whenever something that the picture depends on changes, decode and show. One at a time, newest wins:
// it aborts an older one that takes long.

import { type FrameOptions, LatentPreviewError, type Latents, type Previewer } from '../src/index';
import { choiceOf, type DecoderChoice, familyOf, isLong, quickChoice } from './decoders';
import { context2d } from './dom';
import { fileOf, latentsOf } from './entry';
import { atSize, type Pictures } from './pictures';
import type { Previewers } from './previewers';
import { type Backend, currentEntry, type Entry, type State, type Store } from './state';

/** Everything one picture depends on. */
export interface Frame {
  readonly entry: Entry;
  readonly choice: DecoderChoice;
  readonly latents: Latents;
  readonly options: FrameOptions;
  /** As it was asked for; where it ran is another matter. */
  readonly backend: Backend;
}

export interface Shown extends Frame {
  readonly ranOn: Previewer['backend'];
  /** Of quick decodes the median of the last ones of this kind, of long ones that of the one there was. */
  readonly milliseconds: number;
}

export interface Surface {
  /** A canvas for a context of this kind, which shows nothing yet where it is another than before. */
  canvas(kind: Previewer['backend'], device?: GPUDevice): HTMLCanvasElement;
  decoding(): void;
  /** A decode that takes long has begun, by a decoder of this name. */
  waiting(name: string, cancel: () => void): void;
  progress(fraction: number): void;
  shown(shown: Shown): void;
  failed(error: unknown): void;
}

/** The picture that a state asks for; undefined where there is nothing to decode. */
export function frameOf(state: State, entry: Entry | undefined = currentEntry(state)): Frame | undefined {
  const choice = entry && choiceOf(state, entry);
  if (!entry || !choice) return undefined;
  const { item, frame } = entry.position;
  const options = { item, frame, size: state.size, resample: state.filter };
  return { entry, choice, latents: latentsOf(entry), options, backend: state.backend };
}

export function startDecoding(store: Store, previewers: Previewers, pictures: Pictures, surface: Surface): void {
  let asked: Dependencies = { what: [], where: [] };
  let wanted = 0;
  let running = false;
  let long: AbortController | undefined;
  let shown: { readonly entry: Entry; readonly state: State } | undefined;
  let timings: { key: string; times: number[] } = { key: '', times: [] };

  store.listen((state) => {
    const now = dependencies(state);
    const moved = !same(now.where, asked.where);
    const changed = !same(now.what, asked.what);
    if (!moved && !changed) return;
    asked = now;
    // While a sequence plays, the steps would abort each other for ever.
    if (changed || !state.playing) long?.abort();
    if (currentEntry(state)) ask();
  });

  function ask(): void {
    wanted++;
    surface.decoding();
    if (!running) void run();
  }

  async function run(): Promise<void> {
    running = true;
    for (let done = 0; done !== wanted; ) {
      const serial = wanted;
      try {
        await decode(() => serial !== wanted);
      } catch (error) {
        if (error instanceof Cancelled) goBack();
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
      const result = await (isLong(frame.choice) ? decodeLong(frame) : decodeQuick(frame, superseded));
      if (!result || (superseded() && !state.playing)) return;
      shown = { entry, state };
      surface.shown({ ...frame, ...result });
    } catch (error) {
      if (retried || !(error instanceof LatentPreviewError) || error.code !== 'gpu-lost') throw error;
      previewers.reset();
      await decode(superseded, true);
    }
  }

  async function decodeQuick(frame: Frame, superseded: () => boolean): Promise<Result | undefined> {
    const { choice, backend, options, entry } = frame;
    const previewer = await previewers.get(choice, backend);
    if (superseded()) return undefined;
    const canvas = surface.canvas(previewer.backend, previewer.device);
    const key = [previewer.backend, choice.id, options.size, options.resample, fileOf(entry).name].join('|');
    if (timings.key !== key) timings = { key, times: [] };
    // The first decode of a kind also compiles; two more make the median that of the work alone.
    do timings.times.push(await timed(previewer, frame, canvas));
    while (timings.times.length < 3 && sum(timings.times) < 400 && !superseded() && !store.state.playing);
    timings.times.splice(0, timings.times.length - 9);
    return { ranOn: previewer.backend, milliseconds: median(timings.times) };
  }

  /** The picture before it stays on the canvas until this one is there. */
  async function decodeLong(frame: Frame): Promise<Result> {
    const abort = new AbortController();
    long = abort;
    surface.waiting(frame.choice.label, () => abort.abort(new Cancelled(ask)));
    try {
      const onProgress = (fraction: number): void => {
        if (!abort.signal.aborted) surface.progress(fraction);
      };
      const picture = await pictures.get(frame, { signal: abort.signal, onProgress });
      const image = await atSize(picture.image, frame);
      abort.signal.throwIfAborted();
      const canvas = surface.canvas('cpu');
      canvas.width = image.width;
      canvas.height = image.height;
      context2d(canvas)?.putImageData(image, 0, 0);
      return { ranOn: picture.ranOn, milliseconds: picture.milliseconds };
    } finally {
      long = undefined;
    }
  }

  /** To the settings of the picture that is still on show, else to the family's own table. */
  function goBack(): void {
    const { state } = store;
    const entry = currentEntry(state);
    if (!entry) return;
    if (shown?.entry.id === entry.id) {
      const { format, decoder, domain, layout, grid, position } = shown.entry;
      const { size, filter, backend } = shown.state;
      const back = { ...entry, ...{ format, decoder, domain, layout, grid, position } };
      const entries = state.entries.map((one) => (one === entry ? back : one));
      store.set({ entries, size, filter, backend, playing: false });
      return;
    }
    const quick = quickChoice(entry);
    if (quick) store.setEntry(entry.id, { decoder: quick.id });
  }
}

type Result = Pick<Shown, 'ranOn' | 'milliseconds'>;

/** Thrown where a family has no table under a permissive licence and the user has not chosen another. */
export class NoDecoder extends Error {
  constructor({ format }: Entry) {
    super(`${familyOf(format).name}: nobody has published a map to RGB under a permissive licence.`);
  }
}

/** Thrown where the user cancelled; shown where there is no picture to go back to. */
export class Cancelled extends Error {
  readonly again: () => void;

  constructor(again: () => void) {
    super('Decoding was cancelled.');
    this.again = again;
  }
}

/** What the picture depends on, compared by identity; where in a sequence apart from the rest. */
interface Dependencies {
  readonly what: readonly unknown[];
  readonly where: readonly unknown[];
}

function dependencies(state: State): Dependencies {
  const entry = currentEntry(state);
  if (!entry) return { what: [], where: [] };
  const { file, item, frame } = entry.position;
  const read = [entry.format, entry.decoder, entry.domain, entry.layout, entry.grid];
  return {
    what: [entry.id, ...read, state.size, state.filter, state.backend],
    where: [fileOf(entry).latents, file, item, frame],
  };
}

const same = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, index) => value === b[index]);

/** Until the pixels are there: the queue's end on a GPU, the call's own on the CPU. */
async function timed(previewer: Previewer, { latents, options }: Frame, canvas: HTMLCanvasElement): Promise<number> {
  const start = performance.now();
  await previewer.toCanvas(latents, canvas, options);
  await previewer.device?.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
