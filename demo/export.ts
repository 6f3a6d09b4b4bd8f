// Saving what is shown: one PNG, all pictures of the sequence on one sheet, as PNGs in a ZIP, or as a film.

import { contactSheet } from '../src/clips/index';
import { type Frame, frameOf } from './decode';
import { choiceOf } from './decoders';
import { announce, byId, errorText, make } from './dom';
import { viewOf } from './entry';
import { canEncode, encodeFilm, type FilmFrame, type FilmKind, noEncoder } from './film';
import { stem } from './match';
import type { Pictures } from './pictures';
import { type PlayTime, playTime, seconds } from './play-time';
import { currentEntry, type Entry, type State, type Store } from './state';

/** Pixels of a contact sheet; above them its pictures are at the decoder's own size. */
const largestSheet = 32e6;

export interface Exports {
  png(): Promise<void>;
}

/** What a sequence is saved as. */
type Kind = 'sheet' | 'zip' | FilmKind;
const labels: Record<Kind, string> = { sheet: 'Contact sheet', zip: 'ZIP', gif: 'GIF', mp4: 'MP4', webm: 'WebM' };
const kinds = Object.keys(labels) as readonly Kind[];

interface Sequence {
  readonly state: State;
  readonly entry: Entry;
  readonly timing: PlayTime;
}

export function createExports(store: Store, pictures: Pictures): Exports {
  const saving = byId('saving', HTMLElement);
  const progress = byId('saving-progress', HTMLProgressElement);
  const count = byId('saving-count', HTMLElement);
  const note = byId('saving-note', HTMLElement);
  const onePng = byId('save-png', HTMLButtonElement);
  const buttons = kinds.map((kind) => [kind, byId(`save-${kind}`, HTMLButtonElement)] as const);
  let abort: AbortController | undefined;
  /** Of videos, those that the browser cannot make; asked for when the first sequence is there. */
  let missing: Promise<readonly ('mp4' | 'webm')[]> | undefined;
  let lacking: readonly ('mp4' | 'webm')[] = [];
  let failure = '';

  store.listen((state, before) => {
    const entry = currentEntry(state);
    const timing = entry && playTime(entry);
    const ready = abort === undefined && entry !== undefined && choiceOf(state, entry) !== undefined;
    if (state.current !== before.current) failure = '';
    onePng.disabled = !ready;
    for (const [kind, button] of buttons) {
      button.hidden = !timing;
      button.disabled = !ready || lacking.some((one) => one === kind);
      if (kind === 'zip' && timing) button.textContent = `All ${timing.frames.length} as ZIP`;
    }
    const frame = entry && timing && frameOf(state, entry);
    note.textContent = frame
      ? [failure, describe(frame, timing), ...lacking.map((kind) => `${noEncoder(kind)}.`)].filter(Boolean).join(' ')
      : '';
    if (timing && !missing) {
      missing = findMissing();
      void missing.then((found) => {
        lacking = found;
        store.set({});
      });
    }
  });

  async function png(): Promise<void> {
    const frame = frameOf(store.state);
    if (!frame) return;
    try {
      const name = `${baseName(frame.entry)}.png`;
      save(await pictures.png(frame), name);
      announce(`saved ${name}`);
    } catch (error) {
      announce(errorText(error));
    }
  }

  async function saveAll(kind: Kind): Promise<void> {
    const { state } = store;
    const entry = currentEntry(state);
    const timing = entry && playTime(entry);
    if (!entry || !timing || abort) return;
    abort = new AbortController();
    const { signal } = abort;
    const focused = document.activeElement;
    saving.hidden = false;
    failure = '';
    store.set({ playing: false });
    try {
      const sequence = { state, entry, timing };
      const blob = await makers[kind](sequence, signal);
      signal.throwIfAborted();
      const name = `${baseName(entry)}${kind === 'sheet' ? '.sheet.png' : `.${kind}`}`;
      save(blob, name);
      announce(`saved ${timing.frames.length} pictures as ${name}`);
    } catch (error) {
      announce(signal.aborted ? 'saving was cancelled' : errorText(error));
      failure = signal.aborted ? '' : `${labels[kind]} was not saved: ${errorText(error)}.`;
    } finally {
      abort = undefined;
      saving.hidden = true;
      store.set({});
      // Disabled while it was at work, the button lost it.
      if (focused instanceof HTMLElement && document.activeElement === document.body)
        focused.focus({ preventScroll: true });
    }
  }

  /** The frames to decode, one after the other, with their number. */
  async function* steps({ state, entry, timing }: Sequence, signal: AbortSignal): AsyncGenerator<[number, Frame]> {
    const total = timing.frames.length;
    for (let step = 0; step < total; step++) {
      signal.throwIfAborted();
      progress.value = step / total;
      count.textContent = `${step} / ${total}`;
      const frame = frameOf(state, { ...entry, position: { ...entry.position, [timing.axis]: step } });
      if (!frame) throw new Error('export: the format has no decoder');
      yield [step, frame];
    }
    progress.value = 1;
    count.textContent = `${total} / ${total}`;
  }

  async function* filmFrames(sequence: Sequence, signal: AbortSignal): AsyncGenerator<FilmFrame> {
    for await (const [step, frame] of steps(sequence, signal)) {
      const image = await pictures.image(frame, { signal, background: true });
      yield { image, count: sequence.timing.frames[step]?.videoFrames ?? 1 };
    }
  }

  async function zip(sequence: Sequence, signal: AbortSignal): Promise<Blob> {
    const { entry, timing } = sequence;
    const digits = String(timing.frames.length).length;
    async function* files(): AsyncGenerator<{ name: string; input: Blob; lastModified: Date }> {
      for await (const [step, frame] of steps(sequence, signal)) {
        const name = `${baseName(entry)}.${String(step + 1).padStart(digits, '0')}.png`;
        yield { name, input: await pictures.png(frame, { signal, background: true }), lastModified: new Date() };
      }
    }
    const { makeZip } = await import('client-zip');
    return new Response(makeZip(files()), { headers: { 'content-type': 'application/zip' } }).blob();
  }

  async function sheet(sequence: Sequence, signal: AbortSignal): Promise<Blob> {
    const images: ImageData[] = [];
    for await (const [, frame] of steps(sequence, signal)) {
      const { width, height } = sizeOf(frame);
      const size = width * height * sequence.timing.frames.length > largestSheet ? 'latent' : frame.options.size;
      const options = { ...frame.options, ...(size ? { size } : {}) };
      images.push(await pictures.image({ ...frame, options }, { signal, background: true }));
    }
    const { width, height, data } = contactSheet(images, { gap: Math.ceil((images[0]?.width ?? 0) / 64) });
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
    return canvas.convertToBlob({ type: 'image/png' });
  }

  const film =
    (kind: FilmKind) =>
    (sequence: Sequence, signal: AbortSignal): Promise<Blob> =>
      encodeFilm(kind, filmFrames(sequence, signal), { framesPerSecond: sequence.timing.framesPerSecond, signal });
  const makers: Record<Kind, (sequence: Sequence, signal: AbortSignal) => Promise<Blob>> = {
    sheet,
    zip,
    gif: film('gif'),
    mp4: film('mp4'),
    webm: film('webm'),
  };

  onePng.addEventListener('click', () => void png());
  for (const [kind, button] of buttons) button.addEventListener('click', () => void saveAll(kind));
  byId('saving-cancel', HTMLButtonElement).addEventListener('click', () => abort?.abort());
  return { png };
}

async function findMissing(): Promise<readonly ('mp4' | 'webm')[]> {
  const found = await Promise.all(
    (['mp4', 'webm'] as const).map(async (kind) => ((await canEncode(kind)) ? [] : [kind])),
  );
  return found.flat();
}

/** What a saved sequence will be: the size and the rate are those of the page. */
function describe(frame: Frame, { frames, duration, framesPerSecond }: PlayTime): string {
  const { width, height } = sizeOf(frame);
  const slow = frames.some((one) => one.duration < 0.02) ? ' A GIF is slower: it shows each for 0.02 s at least.' : '';
  return (
    `${frames.length} pictures of ${width}×${height}; a film of them lasts ${seconds(duration)}, at ${framesPerSecond} fps. ` +
    `Size and fps are as set on the page.${slow}`
  );
}

function sizeOf({ entry, choice, options }: Frame): { readonly width: number; readonly height: number } {
  const view = viewOf(entry, choice.format);
  const scale = options.size === 'image' ? choice.format.spatialDownscale : (choice.decoder?.upscale ?? 1);
  return { width: (view?.width ?? 1) * scale, height: (view?.height ?? 1) * scale };
}

/** `astronaut.sdxl-sdnext`: the file's name and the decoder's, without characters that file systems refuse. */
const baseName = ({ files, decoder }: Entry): string =>
  `${stem(files[0]?.name ?? 'latents')}.${decoder}`.replace(/[^\w.-]+/g, '-');

/** As a download. */
export function save(blob: Blob, name: string): void {
  const link = make('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The download has its own hold of the bytes by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
