// The address that the live page connects to: the replay's, which its fields make, or whatever somebody typed.

import { byId, fillSelect, radios } from './dom';
import type { State } from './state';

/** How the replay sends numbers, and what that costs is what one sees. */
const types: Readonly<Record<string, string>> = {
  float16: 'float16, two bytes each',
  'float16+deflate': 'float16, deflated',
  uint8: 'uint8, one byte each',
  'uint8+deflate': 'uint8, deflated',
  float32: 'float32, four bytes each',
};

const paces = ['4', '8', '20', '60', '200'];

export interface LiveSource {
  readonly address: string;
  /** Whether the fields made it. */
  readonly replay: boolean;
  /** The samples have come. */
  fill(samples: State['samples']): void;
  /** Says whether the address is one. */
  mark(valid: boolean): void;
}

/** @param onChange another address; `typed`: by hand, which is not connected to at once */
export function createLiveSource(onChange: (typed: boolean) => void): LiveSource {
  const input = byId('live-address', HTMLInputElement);
  const reset = byId('live-reset', HTMLButtonElement);
  const sample = byId('live-sample', HTMLSelectElement);
  const dtype = byId('live-dtype', HTMLSelectElement);
  const pace = byId('live-pace', HTMLSelectElement);
  const fields = byId('live-replay', HTMLElement);
  let content = 'x0';
  let own = false;

  fillSelect(dtype, [{ options: Object.entries(types).map(([value, label]) => ({ value, label })) }], 'float16');
  fillSelect(pace, [{ options: paces.map((value) => ({ value, label: `${value} steps a second` })) }], '8');

  function replayAddress(): string {
    const address = new URL('/live', location.href.replace(/^http/, 'ws'));
    const [type = '', deflate] = dtype.value.split('+');
    const query = { sample: sample.value, content, dtype: type, deflate: deflate ? '1' : '0', rate: pace.value };
    address.search = new URLSearchParams(query).toString();
    return address.href;
  }

  function update(): void {
    fields.hidden = own;
    reset.hidden = !own;
    if (!own) input.value = replayAddress();
    input.ariaInvalid = 'false';
  }

  const changed = (): void => {
    update();
    onChange(false);
  };
  for (const select of [sample, dtype, pace]) select.addEventListener('change', changed);
  radios('live-content', (value) => {
    content = value;
    changed();
  });
  input.addEventListener('input', () => {
    own = input.value !== replayAddress();
    update();
    onChange(true);
  });
  reset.addEventListener('click', () => {
    own = false;
    changed();
    input.focus();
  });
  return {
    get address() {
      return input.value.trim();
    },
    get replay() {
      return !own;
    },
    fill(samples) {
      const images = samples.filter(({ kind }) => kind === 'image');
      const value = sample.value || (images.find(({ id }) => id === 'flux-chelsea') ?? images[0])?.id || '';
      fillSelect(sample, [{ options: images.map(({ id, title }) => ({ value: id, label: title })) }], value);
      update();
    },
    mark(valid) {
      input.ariaInvalid = String(!valid);
    },
  };
}
