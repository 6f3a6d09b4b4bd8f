// The Fit panel: which pairs, which map, and the fit itself. Loaded when it is first opened.

import type { LatentMap, LatentMapKind } from '../src/decoders/latent-map';
import { heldOutPlaces } from '../src/fit/hold-out';
import type { LatentFormat } from '../src/index';
import { familyOf, shortName } from './decoders';
import { announce, byId, errorText, fillSelect } from './dom';
import { readingOf } from './entry';
import type { FitSettings } from './fit.worker';
import { heldNote, type Plan, pairsNote, ridgeNote, ridgeOf, sizeNote } from './fit-notes';
import { baseName, fitPairOf, openPairs } from './fit-pairs';
import { createFitResult } from './fit-result';
import { createRows } from './fit-rows';
import { fitInWorker } from './fit-run';
import { openFiles } from './open';
import { readAs } from './reading';
import { addSamples } from './samples';
import { currentEntry, type Entry, type State, type Store } from './state';

const kinds: Readonly<Record<LatentMapKind, string>> = {
  linear: 'linear: the channels',
  affine: 'affine: and a constant',
  quadratic: 'quadratic: and products of two',
  cubic: 'cubic: and products of three',
};

/** What `Hold out` offers; `ticked` is what the boxes say. */
const shares: Readonly<Record<string, string>> = {
  '0.2': 'a fifth',
  '0.34': 'a third',
  '0.5': 'half',
  '0': 'none',
  ticked: 'those ticked',
};

const options = (labels: Readonly<Record<string, string>>): readonly { value: string; label: string }[] =>
  Object.entries(labels).map(([value, label]) => ({ value, label }));

export function createFitPanel(store: Store): void {
  const details = byId('fit', HTMLDetailsElement);
  const form = byId('fit-form', HTMLFormElement);
  const fields = {
    share: byId('fit-share', HTMLSelectElement),
    kind: byId('fit-kind', HTMLSelectElement),
    ridge: byId('fit-ridge', HTMLInputElement),
  };
  const start = byId('fit-start', HTMLButtonElement);
  const pick = byId('fit-pick', HTMLInputElement);
  const result = createFitResult(store);
  /** By name, whether a pair was chosen or left out; where nothing was said, samples make way for the user's own. */
  const chosen = new Map<string, boolean>();
  /** Names of those that are held out. */
  let ticked: ReadonlySet<string> = new Set();
  let running: AbortController | undefined;

  fillSelect(fields.kind, [{ options: options(kinds) }], 'affine');
  fillSelect(fields.share, [{ options: options(shares) }], '0.2');
  const showRows = createRows(byId('fit-pairs-rows', HTMLElement), {
    use(name, used) {
      chosen.set(name, used);
      update(store.state);
    },
    holdOut(name, heldOut) {
      const held = new Set(ticked);
      if (heldOut) held.add(name);
      else held.delete(name);
      ticked = held;
      fields.share.value = 'ticked';
      update(store.state);
    },
  });

  function plan(state: State): Plan | undefined {
    const entry = currentEntry(state);
    if (!entry) return undefined;
    const family = familyOf(entry.format);
    const open = openPairs(state, family);
    const own = open.pairs.some(({ entry: { sample } }) => !sample);
    const used = open.pairs.filter(({ name, entry: { sample } }) => chosen.get(name) ?? !(sample && own));
    const share = fields.share.value;
    const places = share === 'ticked' ? undefined : heldOutPlaces(used.length, Number(share));
    const held = used.filter(({ name }, index) => places?.has(index) ?? ticked.has(name));
    return { ...open, family, used, heldOut: new Set(held.map(({ name }) => name)) };
  }

  const update = (state: State): void => {
    const planned = details.open ? plan(state) : undefined;
    if (!planned) return;
    const { pairs, used, heldOut } = planned;
    // Whatever ticked them: it is what `those ticked` starts from.
    ticked = heldOut;
    showRows(pairs, new Set(used.map(({ name }) => name)), heldOut);
    byId('fit-pairs', HTMLElement).hidden = pairs.length === 0;
    say('fit-pairs-note', pairsNote(planned, state));
    say('fit-held', heldNote(used.length, heldOut.size));
    say('fit-size', sizeNote(planned, settings(planned)));
    const ridge = ridgeOf(fields.ridge.value);
    fields.ridge.ariaInvalid = String(ridge === 'wrong');
    say('fit-ridge-note', ridgeNote(ridge, fields.ridge.value, heldOut.size));
    showWays(state, planned);
  };

  function settings({ family, heldOut }: Plan): FitSettings {
    const radios = new FormData(form);
    const ridge = ridgeOf(fields.ridge.value);
    return {
      format: family.id,
      kind: fields.kind.value as LatentMapKind,
      neighbourhood: Number(radios.get('fit-neighbourhood')) as LatentMap['neighbourhood'],
      upscale: Number(radios.get('fit-upscale')) as LatentMap['upscale'],
      ridge: typeof ridge === 'number' ? ridge : undefined,
      holdOut: [...heldOut],
    };
  }

  async function run(): Promise<void> {
    const planned = plan(store.state);
    if (!planned || running) return;
    complain(undefined);
    if (ridgeOf(fields.ridge.value) === 'wrong') {
      fields.ridge.focus();
      return complain(ridgeNote('wrong', fields.ridge.value, 0));
    }
    if (planned.used.length === 0)
      return complain('There are no pairs to fit: drop latents and their pictures on this panel, or tick pairs above.');
    running = new AbortController();
    const { signal } = running;
    work(true);
    announce('fitting');
    try {
      const { family, used } = planned;
      const fitted = await fitInWorker(
        used.map((pair) => () => fitPairOf(pair)),
        settings(planned),
        { signal, onProgress: progress },
      );
      work(false);
      result.show(fitted, family);
    } catch (error) {
      work(false);
      if (signal.aborted) announce('fitting was cancelled');
      else complain(errorText(error));
    } finally {
      running = undefined;
    }
  }

  /** The focus goes with the buttons: those that cannot be used any more would lose it to the page's top. */
  function work(on: boolean): void {
    const cancel = byId('fit-cancel', HTMLButtonElement);
    const focused = document.activeElement === (on ? start : cancel);
    const row = byId('fit-work', HTMLElement);
    row.hidden = !on;
    row.scrollIntoView({ block: 'nearest' });
    start.disabled = on;
    details.dataset.state = on ? 'fitting' : 'idle';
    if (on) progress(0, 'fitting');
    if (focused) (on ? cancel : start).focus({ preventScroll: true });
  }

  const open = (files: readonly File[]): void => void openFiles(store, files, { byName: true });
  byId('fit-choose', HTMLButtonElement).addEventListener('click', () => pick.click());
  pick.addEventListener('change', () => {
    open([...(pick.files ?? [])]);
    pick.value = '';
  });
  byId('fit-samples', HTMLButtonElement).addEventListener('click', () => {
    const entry = currentEntry(store.state);
    const samples = entry ? closedSamples(store.state, familyOf(entry.format)) : [];
    for (const { file } of samples) chosen.set(baseName(file), true);
    void addSamples(store, samples);
    byId('fit-choose', HTMLButtonElement).focus({ preventScroll: true });
  });
  byId('fit-read', HTMLButtonElement).addEventListener('click', () => {
    const entry = currentEntry(store.state);
    if (entry) readAllAs(store, familyOf(entry.format));
    byId('fit-choose', HTMLButtonElement).focus({ preventScroll: true });
  });
  byId('fit-problems', HTMLButtonElement).addEventListener('click', () => {
    const dismiss = document.querySelector<HTMLElement>('#problems .problem > .quiet');
    dismiss?.focus({ preventScroll: true });
    dismiss?.closest('.problem')?.scrollIntoView({ block: 'center' });
  });
  form.addEventListener('input', () => update(store.state));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void run();
  });
  byId('fit-cancel', HTMLButtonElement).addEventListener('click', () => running?.abort());
  details.addEventListener('toggle', () => update(store.state));
  store.listen(update);
  update(store.state);
}

function progress(fraction: number, stage: string): void {
  byId('fit-progress', HTMLProgressElement).value = fraction;
  say('fit-stage', stage);
}

/** What is wrong, where the fit was asked for. */
function complain(message: string | undefined): void {
  const place = byId('fit-error', HTMLElement);
  place.hidden = message === undefined;
  place.textContent = message ?? '';
  place.scrollIntoView({ block: 'nearest' });
}

/** Told again only where it has changed. */
function say(id: string, text: string): void {
  const element = byId(id, HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}

const closedSamples = ({ samples, entries }: State, { base }: LatentFormat): State['samples'] =>
  samples.filter(
    ({ id, format, kind }) =>
      kind === 'image' && familyOf(format).base === base && !entries.some((entry) => entry.id === id),
  );

/** Ways to more pairs, and to files that could not be opened. */
function showWays(state: State, { family, others }: Plan): void {
  const show = (id: string, count: number, text: string): void => {
    byId(id, HTMLElement).hidden = count === 0;
    say(id, text);
  };
  const samples = closedSamples(state, family).length;
  show('fit-samples', samples, `Add ${samples} ${samples === 1 ? 'sample' : 'samples'}`);
  const files = others.reduce((sum, entry) => sum + entry.files.length, 0);
  show('fit-read', files, `Read ${files} of another format as ${shortName(family)}`);
  const { length } = state.problems;
  show('fit-problems', length, `Show ${length} ${length === 1 ? 'problem' : 'problems'}`);
}

function readAllAs(store: Store, family: LatentFormat): void {
  const { others } = openPairs(store.state, family);
  const read = (entry: Entry): Entry => {
    const guess = entry.guesses.find(({ format }) => format.id === family.id);
    const axes = { layout: undefined, grid: undefined };
    const reading = guess ? readingOf(guess) : { format: family.id, domain: entry.domain, ...axes };
    return { ...readAs(entry, reading, store.state.decoders), chosen: true };
  };
  store.set({ entries: store.state.entries.map((entry) => (others.includes(entry) ? read(entry) : entry)) });
}
