// PSNR, SSIM, ΔE and the difference picture of what is shown, at the reference's size; and the time per decode.

import type { Compare } from './compare';
import type { CompareAnswer } from './compare.worker';
import type { Shown } from './decode';
import { isLong } from './decoders';
import { byId, duration, errorText } from './dom';
import { referenceOf, viewOf } from './entry';
import type { Pictures } from './pictures';
import type { Store } from './state';

/** While a sequence plays: four comparisons a second, so that they do not slow it down. */
const pauseWhilePlaying = 250;

export interface Metrics {
  /** Measures what is on show; the newest request wins. */
  measure(shown: Shown): void;
  /** There is no picture to measure. */
  clear(): void;
}

export function createMetrics(
  store: Store,
  pictures: Pictures,
  compare: Compare,
  onDifference: (image: ImageData) => void,
): Metrics {
  const list = byId('metrics', HTMLElement);
  const fields = {
    psnr: byId('psnr', HTMLElement),
    ssim: byId('ssim', HTMLElement),
    deltaE: byId('delta-e', HTMLElement),
    against: byId('against', HTMLElement),
    timing: byId('timing', HTMLElement),
  };
  let shown: Shown | undefined;
  let asked = 0;
  let running = false;
  let last = 0;

  store.listen((state, before) => {
    const again = ['mode', 'amplify', 'entries', 'playing'] as const;
    if (shown && again.some((key) => state[key] !== before[key])) request();
  });

  function request(): void {
    asked++;
    list.dataset.state = 'measuring';
    if (!running) void run();
  }

  async function run(): Promise<void> {
    running = true;
    for (let done = 0; done !== asked; ) {
      const wait = store.state.playing ? last + pauseWhilePlaying - performance.now() : 0;
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const serial = asked;
      last = performance.now();
      const result = await work().catch((error: unknown) => errorText(error));
      // A newer picture may be on show by now; while playing, numbers of a moment ago are better than none.
      if (serial === asked || store.state.playing) show(result);
      done = serial;
    }
    running = false;
  }

  async function work(): Promise<CompareAnswer | string> {
    const { state } = store;
    // The entry as it is now: its reference may have come after the picture.
    const entry = state.entries.find(({ id }) => id === shown?.entry.id);
    const reference = entry && referenceOf({ ...entry, position: shown?.entry.position ?? entry.position });
    if (!shown || !entry || !reference) return 'no reference';
    const { width, height } = reference.image;
    const { options, choice, backend } = shown;
    // The picture of the other one is on its way.
    if (backend !== state.backend) return 'decoding again';
    const image = await pictures.image({ ...shown, options: { ...options, size: { width, height } } });
    const answer = await compare(image, reference.image, state.mode === 'difference' ? state.amplify : undefined);
    const view = viewOf(entry, choice.format);
    const stretched = view && Math.abs(width / height - view.width / view.height) > 0.02 ? ', stretched to fit' : '';
    fields.against.textContent = `${reference.name}, at ${width}×${height}${stretched}`;
    return answer;
  }

  function show(result: CompareAnswer | string): void {
    const measured = typeof result !== 'string';
    list.dataset.state = measured ? 'measured' : 'none';
    fields.psnr.textContent = measured ? (result.psnr === Infinity ? '∞ dB' : `${result.psnr.toFixed(2)} dB`) : '–';
    fields.ssim.textContent = measured ? result.ssim.toFixed(3) : '–';
    fields.deltaE.textContent = measured ? result.deltaE.toFixed(2) : '–';
    if (!measured) {
      fields.against.textContent = result;
      return;
    }
    const { difference } = result;
    if (difference) onDifference(new ImageData(difference.data, difference.width, difference.height));
  }

  return {
    measure(next) {
      shown = next;
      const { ranOn, milliseconds, choice } = next;
      fields.timing.textContent = `${duration(milliseconds)} · ${ranOn === 'webgpu' ? 'WebGPU' : 'CPU'}`;
      fields.timing.title = isLong(choice)
        ? 'This one decode, from the call to pixels in memory; compiling came before'
        : ranOn === 'webgpu'
          ? 'From the call to the end of the GPU’s work, upload included; median of the last decodes'
          : 'The whole call; median of the last decodes';
      request();
    },

    clear() {
      shown = undefined;
      fields.timing.textContent = '–';
      request();
    },
  };
}
