// Previewers shared by all elements of a page: one device, and one previewer per format and decoder. Each goes some time
// after its last user. Where the device is lost, its previewers ask here for another one, and get the same.

import {
  type Backend,
  createPreviewer,
  type Decoder,
  type DecoderName,
  type DeviceLoss,
  decoderFromWeights,
  type LatentFormat,
  loadWeights,
  type Previewer,
  type Progress,
  requestDevice,
} from '../index';

/** What two elements must have in common to share a previewer. */
export interface Wanted {
  readonly format: string | LatentFormat;
  /** '' or `auto`, `mini`, `map`, `linear`, a name or a URL of weights. */
  readonly decoder: string | Decoder;
  readonly backend: Backend;
  /** The page's own; undefined: the elements' common one. */
  readonly device: GPUDevice | undefined;
}

export interface User {
  /** The decoder's download. */
  progressed(progress: Progress): void;
  /** Its lease is over where the previewer does not go on. */
  lost(loss: DeviceLoss): void;
}

export interface Lease {
  readonly wanted: Wanted;
  readonly previewer: Promise<Previewer>;
  release(): void;
}

interface Shared {
  readonly wanted: Wanted;
  readonly users: Set<User>;
  readonly controller: AbortController;
  readonly previewer: Promise<Previewer>;
  progress?: Progress;
  ready?: true;
  timer?: ReturnType<typeof setTimeout>;
}

/** For elements that come back, and for those that come when others have gone, as when a page changes its view. */
const graceMilliseconds = 3000;

const all = new Set<Shared>();

/** The elements' own devices; undefined inside where `auto` found none worth using. */
const devices = new Map<Backend, Promise<GPUDevice | undefined>>();

export const sameWanted = (a: Wanted, b: Wanted): boolean =>
  a.format === b.format && a.decoder === b.decoder && a.backend === b.backend && a.device === b.device;

/** Downloads and compiles what is not there yet. The previewer rejects as createPreviewer and loadWeights do. */
export function leasePreviewer(wanted: Wanted, user: User): Lease {
  const shared = [...all].find((other) => sameWanted(other.wanted, wanted)) ?? start(wanted);
  clearTimeout(shared.timer);
  shared.users.add(user);
  if (shared.progress) user.progressed(shared.progress);
  return { wanted, previewer: shared.previewer, release: () => leave(shared, user) };
}

function start(wanted: Wanted): Shared {
  const users = new Set<User>();
  const controller = new AbortController();
  const shared: Shared = { wanted, users, controller, previewer: Promise.resolve().then(() => create(shared)) };
  all.add(shared);
  shared.previewer.then(
    () => {
      shared.ready = true;
    },
    // The next one who asks tries again.
    () => forget(shared),
  );
  return shared;
}

function leave(shared: Shared, user: User): void {
  if (!shared.users.delete(user) || shared.users.size > 0 || !all.has(shared)) return;
  // A download that nobody waits for ends now.
  if (!shared.ready) forget(shared);
  else shared.timer = setTimeout(() => forget(shared), graceMilliseconds);
}

async function create(shared: Shared): Promise<Previewer> {
  const { wanted, controller } = shared;
  const { format, backend } = wanted;
  const { signal } = controller;
  const decoder = await findDecoder(shared);
  signal.throwIfAborted();
  const previewer = await createPreviewer({
    format,
    backend,
    decoder,
    device: wanted.device ?? (() => ownDevice(backend)),
    onDeviceLost: (loss) => lose(shared, loss),
  });
  if (!signal.aborted) return previewer;
  previewer.destroy();
  throw signal.reason;
}

async function findDecoder(shared: Shared): Promise<Decoder | DecoderName> {
  const { decoder } = shared.wanted;
  if (typeof decoder !== 'string') return decoder;
  if (decoder === '') return 'auto';
  if (isName(decoder)) return decoder;
  const onProgress = (progress: Progress): void => {
    shared.progress = progress;
    for (const user of shared.users) user.progressed(progress);
  };
  return decoderFromWeights(await loadWeights(decoder, { signal: shared.controller.signal, onProgress }));
}

/** What createPreviewer knows; the names that loadWeights knows are others. */
const isName = (decoder: string): decoder is DecoderName => /^(auto|mini|map|linear)$/.test(decoder);

function ownDevice(backend: Backend): Promise<GPUDevice | undefined> {
  const known = devices.get(backend);
  if (known) return known;
  const found = requestDevice(backend);
  devices.set(backend, found);
  const over = (): void => {
    if (devices.get(backend) === found) devices.delete(backend);
  };
  found.then((device) => device?.lost.then(over), over);
  return found;
}

function lose(shared: Shared, loss: DeviceLoss): void {
  const users = [...shared.users];
  if (!loss.recovering) forget(shared);
  for (const user of users) user.lost(loss);
}

/** Frees it, and the elements' own device with its last previewer. */
function forget(shared: Shared): void {
  if (!all.delete(shared)) return;
  clearTimeout(shared.timer);
  shared.users.clear();
  shared.controller.abort();
  shared.previewer.then(
    (previewer) => previewer.destroy(),
    () => {},
  );
  const { backend, device } = shared.wanted;
  if (device || [...all].some(({ wanted }) => !wanted.device && wanted.backend === backend)) return;
  const own = devices.get(backend);
  devices.delete(backend);
  own?.then(
    (found) => found?.destroy(),
    () => {},
  );
}
