// The mini decoder of the family on show: loaded when such latents are first shown, listed beside the others, and chosen
// where `auto` takes it on this device and nobody has chosen another one. `?decoder=map` in the address does without.

import { createPreviewer } from '../src/index';
import { minis } from '../src/minis/index';
import { familyOf, quickChoice } from './decoders';
import type { Previewers } from './previewers';
import { currentEntry, type Entry, type Store } from './state';

type Asked = 'auto' | 'mini' | 'map';

/** What the page's address asks for. */
export function askedDecoder(): Asked {
  const asked = new URLSearchParams(location.search).get('decoder');
  return asked === 'mini' || asked === 'map' ? asked : 'auto';
}

export function connectMinis(store: Store, previewers: Previewers): void {
  const asked = askedDecoder();
  const looked = new Set<string>();
  store.listen((state) => {
    const entry = currentEntry(state);
    const key = entry && `${entry.format} ${state.backend}`;
    if (!entry || !key || asked === 'map' || !minis[entry.format] || looked.has(key)) return;
    looked.add(key);
    // Offline, or not allowed: the map is on show, and another visit may have more luck.
    void offer(entry).catch(() => looked.delete(key));
  });

  async function offer(entry: Entry): Promise<void> {
    const family = familyOf(entry.format);
    const map = quickChoice(entry);
    const decoder = await minis[family.id]?.();
    if (!map || !decoder) return;
    const { device } = await previewers.get(map, store.state.backend);
    const previewer = await createPreviewer({
      format: family,
      decoder: asked,
      ...(device ? { device } : { backend: 'cpu' as const }),
    });
    const quick = previewer.decoder.name === decoder.name;
    previewer.destroy();
    const id = `mini-${family.id}`;
    const file = decoder.name;
    const named = { ...decoder, name: `${file} · trained here, MIT` };
    const others = store.state.decoders.filter((one) => one.id !== id);
    const entries = store.state.entries.map((one) =>
      quick && one.format === family.id && one.decoder === map.id ? { ...one, decoder: id } : one,
    );
    store.set({ decoders: [...others, { id, file, decoder: named, read: 'mini', quick }], entries });
  }
}
