// The built-in samples: listed at once, read when they are first shown.

import { announce } from './dom';
import { createEntry } from './entry';
import { problem, readLatents, readReference } from './files';
import type { Entry, Sample, Store } from './state';

const folder = new URL('samples/', document.baseURI);

export async function loadSamples(): Promise<readonly Sample[]> {
  const { samples }: { samples: readonly Sample[] } = await (await fetchFile('manifest.json')).json();
  return samples;
}

async function fetchFile(name: string): Promise<Response> {
  const response = await fetch(new URL(name, folder));
  if (!response.ok) throw new Error(`sample: ${name} answered ${response.status}; serve the whole demo folder`);
  return response;
}

const reading = new Map<string, Promise<Entry>>();

/** An entry for the sample; the same promise for every caller. */
export function readSample(sample: Sample): Promise<Entry> {
  let entry = reading.get(sample.id);
  if (!entry) {
    entry = read(sample);
    entry.catch(() => reading.delete(sample.id));
    reading.set(sample.id, entry);
  }
  return entry;
}

async function read(sample: Sample): Promise<Entry> {
  const blob = await (await fetchFile(sample.file)).blob();
  return createEntry([await readLatents(sample.file, blob)], [], sample);
}

/** The reference is the larger part, so it comes when the sample is shown; both at once. */
async function withReference(sample: Sample): Promise<Entry> {
  const reading = fetchFile(sample.reference).then(async (response) =>
    readReference(sample.reference, await response.blob()),
  );
  const [entry, reference] = await Promise.all([readSample(sample), reading]);
  return { ...entry, files: entry.files.map((file) => ({ ...file, reference })) };
}

/** Opens samples beside what is on show. */
export async function addSamples(store: Store, samples: readonly Sample[]): Promise<void> {
  store.set({ busy: store.state.busy + 1 });
  try {
    const read = await Promise.all(samples.map(withReference));
    const { entries } = store.state;
    store.set({ entries: [...entries, ...read.filter(({ id }) => !entries.some((one) => one.id === id))] });
    announce(`opened ${samples.map(({ title }) => title).join('; ')}`);
  } catch (error) {
    store.set({ problems: [...store.state.problems, problem('samples', new Blob(), error)] });
  } finally {
    store.set({ busy: store.state.busy - 1 });
  }
}

/** Shows a sample; the last one asked for wins. */
export async function openSample(store: Store, sample: Sample): Promise<void> {
  wanted = sample.id;
  const known = store.state.entries.find(({ id }) => id === sample.id);
  if (known) {
    store.set({ current: known.id });
    return;
  }
  store.set({ busy: store.state.busy + 1 });
  try {
    const entry = await withReference(sample);
    const { entries } = store.state;
    if (!entries.some(({ id }) => id === entry.id)) store.set({ entries: [...entries, entry] });
    if (wanted === sample.id) store.set({ current: entry.id });
    announce(`opened ${sample.title}`);
  } catch (error) {
    store.set({ problems: [...store.state.problems, problem(sample.file, new Blob(), error)] });
  } finally {
    store.set({ busy: store.state.busy - 1 });
  }
}

let wanted = '';
