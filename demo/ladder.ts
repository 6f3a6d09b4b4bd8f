// The ladder: one latent through every decoder there is for it, from tables to nets, side by side with the reference,
// each with its time and how close it comes. A click on one chooses it.

import type { Compare } from './compare';
import type { CompareAnswer } from './compare.worker';
import { type Frame, frameOf, median } from './decode';
import { choicesFor, type DecoderChoice, familyOf, isLong, rungOf } from './decoders';
import { announce, byId, errorText, radios } from './dom';
import { fileOf, fits, referenceOf } from './entry';
import type { Pictures } from './pictures';
import { createRung, type Rung, referenceRung } from './rung';
import { currentEntry, type Entry, type State, type Store } from './state';

/** Quick decodes are timed this often. */
const timings = 3;

export function createLadder(store: Store, pictures: Pictures, compare: Compare): void {
  const details = byId('ladder', HTMLDetailsElement);
  const list = byId('ladder-rungs', HTMLUListElement);
  const note = byId('ladder-note', HTMLElement);
  const work = byId('ladder-work', HTMLElement);
  const bar = byId('ladder-progress', HTMLProgressElement);
  const cancel = byId('ladder-cancel', HTMLButtonElement);
  const showOrder = radios('order', (order) => store.set({ order: order as State['order'] }));
  let asked: readonly unknown[] = [];
  let climbing = new AbortController();
  let rungs: readonly Rung[] = [];

  const update = (state: State): void => {
    const entry = currentEntry(state);
    showOrder(state.order);
    for (const rung of rungs) rung.choose(rung.choice.id === entry?.decoder);
    if (!details.open || !entry || state.playing) return;
    const reference = referenceOf(entry);
    byId('ladder-order', HTMLElement).hidden = !reference;
    const { position, format, domain, layout, grid, id } = entry;
    const { filter, decoders, backend } = state;
    const read = [position.file, position.item, position.frame, format, domain, layout, grid];
    const now = [id, fileOf(entry).latents, reference, ...read, filter, decoders, backend];
    if (now.length === asked.length && now.every((value, index) => value === asked[index])) arrange();
    else {
      asked = now;
      void climb(state, entry);
    }
  };
  store.listen(update);
  details.addEventListener('toggle', () => {
    if (!details.open && details.dataset.state === 'measuring') stop();
    else if (details.open) goOn();
  });
  cancel.addEventListener('click', () => {
    if (details.dataset.state === 'cancelled') return goOn();
    stop();
    announce('comparing was cancelled');
  });

  /** What is there stays. */
  function stop(): void {
    climbing.abort();
    details.dataset.state = 'cancelled';
    cancel.textContent = 'Go on';
    for (const rung of rungs) rung.leave();
  }

  function goOn(): void {
    if (details.dataset.state === 'cancelled') asked = [];
    update(store.state);
  }

  async function climb(state: State, entry: Entry): Promise<void> {
    climbing.abort();
    climbing = new AbortController();
    const { signal } = climbing;
    const choices = ladderOf(state, entry);
    // Those that were there keep their pictures until the new ones come.
    const key = (choice: DecoderChoice): string => `${entry.id} ${choice.id}`;
    const old = new Map(rungs.map((rung) => [rung.key, rung]));
    rungs = choices.map((choice) => {
      const choose = (): void => store.setEntry(entry.id, { decoder: choice.id });
      return old.get(key(choice)) ?? createRung(choice, key(choice), choose);
    });
    for (const rung of rungs) {
      rung.choose(rung.choice.id === currentEntry(store.state)?.decoder);
      rung.wait('waiting');
    }
    const reference = referenceOf(entry);
    list.replaceChildren(...(reference ? [referenceRung(reference)] : []), ...rungs.map(({ element }) => element));
    note.textContent = reference
      ? `Against ${reference.name}, at ${reference.image.width}×${reference.image.height}, ${state.filter}.`
      : 'Drop the reference picture of these latents to rank their decoders.';
    details.dataset.state = 'measuring';
    work.hidden = !choices.some(isLong);
    cancel.textContent = 'Cancel';
    for (const [index, rung] of rungs.entries()) {
      const progress = (fraction: number): void => {
        if (!signal.aborted) bar.value = (index + fraction) / rungs.length;
      };
      progress(0);
      await measure(state, entry, rung, signal, progress).catch((error: unknown) => {
        if (!signal.aborted) rung.fail(errorText(error));
      });
      if (signal.aborted) return;
      arrange();
    }
    work.hidden = true;
    details.dataset.state = 'measured';
    if (choices.some(isLong)) announce('the decoders have been compared');
  }

  async function measure(
    state: State,
    entry: Entry,
    rung: Rung,
    signal: AbortSignal,
    onProgress: (fraction: number) => void,
  ): Promise<void> {
    const frame = frameOf(state, { ...entry, decoder: rung.choice.id });
    if (!frame) return;
    rung.wait('decoding');
    const aside = { signal, onProgress, background: true };
    const milliseconds = isLong(frame.choice)
      ? (await pictures.get(frame, aside)).milliseconds
      : await timeOf(frame, pictures);
    const reference = referenceOf(entry);
    const size = reference ? { width: reference.image.width, height: reference.image.height } : ('image' as const);
    const image = await pictures.image({ ...frame, options: { ...frame.options, size } }, aside);
    const answer: CompareAnswer | undefined = reference && (await compare(image, reference.image));
    if (!signal.aborted) await rung.show(image, milliseconds, answer);
  }

  /** In the order that is asked for; the focus stays where it is. */
  function arrange(): void {
    const sorted =
      store.state.order === 'best' && rungs.some(({ psnr }) => psnr !== undefined)
        ? [...rungs].sort((a, b) => (b.psnr ?? -1) - (a.psnr ?? -1))
        : rungs;
    const shown = [...list.children].filter((element) => sorted.some((rung) => rung.element === element));
    if (sorted.every(({ element }, index) => element === shown[index])) return;
    const { activeElement } = document;
    list.append(...sorted.map(({ element }) => element));
    if (activeElement instanceof HTMLElement && list.contains(activeElement))
      activeElement.focus({ preventScroll: true });
  }
}

function ladderOf(state: State, entry: Entry): readonly DecoderChoice[] {
  const { shape } = fileOf(entry).latents.tensor;
  return choicesFor(familyOf(entry.format), state.decoders)
    .filter(({ duplicate, decoder, format }) => !duplicate && (decoder || fits(shape, format)))
    .sort((a, b) => rungOf(a) - rungOf(b));
}

/** The median of whole calls at the latents' size, until pixels are in memory, as for the long ones. */
async function timeOf(frame: Frame, pictures: Pictures): Promise<number> {
  const times: number[] = [];
  while (times.length < timings) {
    const start = performance.now();
    await pictures.image({ ...frame, options: { ...frame.options, size: 'latent' } });
    times.push(performance.now() - start);
  }
  return median(times);
}
