// The page's previewers: one per decoder that was shown, all on one device.

import { createPreviewer, type Previewer } from '../src/index';
import type { DecoderChoice } from './decoders';
import type { Backend } from './state';

/** Kept beside the one that owns the device. */
const most = 8;

export interface Previewers {
  get(choice: DecoderChoice, backend: Backend): Promise<Previewer>;
  /** Frees all, such as when the device was lost. */
  reset(): void;
}

export function createPreviewers(): Previewers {
  let owner: { readonly key: string; readonly backend: Backend; readonly previewer: Promise<Previewer> } | undefined;
  const others = new Map<string, Promise<Previewer>>();

  function reset(): void {
    for (const previewer of [owner?.previewer, ...others.values()]) free(previewer);
    owner = undefined;
    others.clear();
  }

  async function get({ id, format, decoder }: DecoderChoice, backend: Backend): Promise<Previewer> {
    if (owner?.backend !== backend) reset();
    const given = { format, decoder: decoder ?? ('map' as const) };
    if (!owner) {
      const previewer = createPreviewer({ ...given, backend });
      owner = { key: id, backend, previewer };
      previewer.catch(() => {
        if (owner?.previewer === previewer) owner = undefined;
      });
    }
    if (owner.key === id) return owner.previewer;
    const { device } = await owner.previewer;
    let previewer = others.get(id);
    if (previewer) others.delete(id);
    else previewer = createPreviewer({ ...given, ...(device ? { device } : { backend: 'cpu' }) });
    // Put last again, so that the first is the one that was not used for longest.
    others.set(id, previewer);
    previewer.catch(() => others.delete(id));
    for (const [oldest, unused] of others) {
      if (others.size <= most) break;
      others.delete(oldest);
      free(unused);
    }
    return previewer;
  }

  return { get, reset };
}

function free(previewer: Promise<Previewer> | undefined): void {
  previewer?.then(
    (made) => made.destroy(),
    () => {},
  );
}

/** What the browser offers, for people: why `auto` took the CPU, and whether the GPU is a real one. */
export async function describeGpu(): Promise<{
  readonly available: boolean;
  readonly software: boolean;
  readonly text: string;
}> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter)
    return { available: false, software: false, text: navigator.gpu ? 'no GPU adapter' : 'no WebGPU in this browser' };
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const name = description || [vendor, architecture].filter(Boolean).join(' ') || 'GPU';
  return {
    available: true,
    software: isFallbackAdapter,
    text: isFallbackAdapter ? `software GPU: ${name}` : name,
  };
}
