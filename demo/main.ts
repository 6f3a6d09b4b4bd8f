// The page: its state, its parts, and what it shows first.

import { type Candidates, createCandidates } from './candidates';
import { connectChannels } from './channels';
import { createCompare } from './compare';
import { type Shown, startDecoding } from './decode';
import { byId, errorText, fillSelect } from './dom';
import { createDownloads } from './downloads';
import { connectDrop } from './drop';
import { createExports } from './export';
import { problem } from './files';
import { connectFit } from './fit';
import { createInspector } from './inspector';
import { createKeys } from './keys';
import { createLadder } from './ladder';
import { connectLive } from './live';
import { createMetadata } from './metadata';
import { createMetrics, type Metrics } from './metrics';
import { connectMinis } from './minis';
import { connectOffers } from './offers';
import { openFiles } from './open';
import { createPictures } from './pictures';
import { createPlayer } from './player';
import { createPreviewers, describeGpu } from './previewers';
import { createProblems } from './problems';
import { createReferences } from './references';
import { loadSamples, openSample } from './samples';
import { createSheet } from './sheet';
import { createSnippet } from './snippet';
import { createStage } from './stage';
import { type Backend, createStore, currentEntry, type Sample } from './state';
import { createStrips, type Strips } from './strips';
import { createTestHook } from './test-hook';

const parameters = new URLSearchParams(location.search);
const asked = parameters.get('backend');

const store = createStore({
  samples: [],
  entries: [],
  current: undefined,
  waiting: [],
  problems: [],
  decoders: [],
  downloads: {},
  backend: asked === 'webgpu' || asked === 'cpu' ? asked : 'auto',
  mode: 'slider',
  zoom: 'fit',
  amplify: 4,
  size: 'image',
  filter: 'bilinear',
  order: 'ladder',
  playing: false,
  loop: true,
  speed: 1,
  busy: 1,
});

const previewers = createPreviewers();
const pictures = createPictures(previewers);
const compare = createCompare();
const backend = byId('backend', HTMLSelectElement);
const main = byId('main', HTMLElement);
let runsOn: Shown['ranOn'] | undefined;
let gpu = { available: true, software: false, text: '' };

// The order in which these hear of changes: the sequence first, as it may pause or play; then the picture; then controls.
const player = createPlayer(store);
let metrics: Metrics;
let strips: Strips;
let candidates: Candidates;
const stage = createStage(store, (shown) => {
  candidates.settled();
  if (!shown) return metrics.clear();
  if (runsOn !== shown.ranOn) {
    runsOn = shown.ranOn;
    showBackends();
  }
  metrics.measure(shown);
  strips.shown(shown);
});
startDecoding(store, previewers, pictures, stage);
metrics = createMetrics(store, pictures, compare, (image) => stage.difference(image));
createInspector(store);
candidates = createCandidates(store);
createMetadata(store);
createReferences(store);
createProblems(store);
strips = createStrips(store, pictures);
createLadder(store, pictures, compare);
connectMinis(store, previewers);
connectChannels(store);
createSnippet(store);
const exports = createExports(store, pictures);
const fit = connectFit(store);
const { pick } = connectDrop((files, onto) => void openFiles(store, files, { byName: fit.holds(onto) }));
connectOffers(store, createDownloads(store), pick);
const sheet = createSheet(store, previewers, pictures);
createKeys(store, { player, sheet, exports, candidates, open: pick });
createTestHook(store, pictures);
connectLive(store);

store.listen((state, before) => {
  main.ariaBusy = String(state.busy > 0);
  if (state.current === before.current && state.backend === before.backend) return;
  const address = new URL(location.href);
  const sample = currentEntry(state)?.sample?.id;
  if (sample) address.searchParams.set('sample', sample);
  else address.searchParams.delete('sample');
  if (state.backend === 'auto') address.searchParams.delete('backend');
  else address.searchParams.set('backend', state.backend);
  history.replaceState(null, '', address);
});

backend.addEventListener('change', () => store.set({ backend: backend.value as Backend }));
showBackends();

/** Which processor decodes, said in the choice itself. */
function showBackends(): void {
  const found = runsOn === 'webgpu' ? 'WebGPU' : 'CPU';
  const why = runsOn === 'cpu' && gpu.text ? `, ${gpu.software ? 'only a software GPU here' : gpu.text}` : '';
  const options = [
    { value: 'auto', label: store.state.backend === 'auto' && runsOn ? `Auto: ${found}${why}` : 'Auto' },
    { value: 'webgpu', label: `WebGPU${gpu.software ? ' (software)' : ''}`, disabled: !gpu.available },
    { value: 'cpu', label: 'CPU' },
  ];
  fillSelect(backend, [{ options }], store.state.backend);
  backend.title = gpu.text;
}

function showCredits(samples: readonly Sample[]): void {
  const photos = new Map(samples.map(({ photo, credit, licence }) => [photo, `${photo}: ${credit}, ${licence}`]));
  byId('credits', HTMLElement).textContent = `Photos: ${[...photos.values()].join('; ')}.`;
}

try {
  const samples = await loadSamples();
  store.set({ samples });
  showCredits(samples);
  const first =
    samples.find(({ id }) => id === parameters.get('sample')) ??
    samples.find(({ id }) => id === 'flux-chelsea') ??
    samples[0];
  if (first) await openSample(store, first);
} catch (error) {
  store.set({ problems: [problem('samples', new Blob(), new Error(errorText(error)))] });
}
store.set({ busy: store.state.busy - 1 });
document.documentElement.dataset.ready = 'true';
gpu = await describeGpu();
showBackends();
