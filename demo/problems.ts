// Cards for files that could not be opened: what is wrong, and where it can be helped, the fields for it.

import { type DType, LatentPreviewError, type Shape } from '../src/index';
import { byId, errorText, make, tensorLabel } from './dom';
import { problem, readLatents } from './files';
import { take } from './open';
import { readShape, suggestShapes } from './raw-shapes';
import type { Problem, Store } from './state';

const dtypes: readonly DType[] = ['float32', 'float16', 'bfloat16', 'float64', 'int8', 'uint8'];

export function createProblems(store: Store): void {
  const list = byId('problems', HTMLElement);
  const cards = new Map<string, HTMLElement>();
  store.listen(({ problems }) => {
    for (const [id, card] of cards)
      if (!problems.some((one) => one.id === id)) {
        card.remove();
        cards.delete(id);
      }
    for (const one of problems)
      if (!cards.has(one.id)) {
        const card = createCard(store, one);
        cards.set(one.id, card);
        list.append(card);
      }
  });
}

function createCard(store: Store, one: Problem): HTMLElement {
  const dismiss = make('button', { type: 'button', className: 'quiet', textContent: 'Dismiss' });
  dismiss.ariaLabel = `Dismiss ${one.name}`;
  dismiss.addEventListener('click', () => remove(store, one));
  const message = make('p', { className: 'message', textContent: one.message });
  const help =
    one.help === 'raw'
      ? rawForm(store, one, message)
      : one.help === 'tensor'
        ? tensorForm(store, one, message)
        : undefined;
  const card = make('div', { className: 'problem' }, make('h2', { textContent: one.name }), message);
  if (help) card.append(help);
  card.append(dismiss);
  card.role = 'alert';
  return card;
}

function remove(store: Store, one: Problem): void {
  store.set({ problems: store.state.problems.filter(({ id }) => id !== one.id) });
}

/** Opens the card's file with what the user has said; the card stays where that does not work either. */
async function retry(
  store: Store,
  one: Problem,
  options: Parameters<typeof readLatents>[2],
  message: HTMLElement,
): Promise<void> {
  store.set({ busy: store.state.busy + 1 });
  try {
    const file = await readLatents(one.name, one.blob, options);
    remove(store, one);
    take(store, { latents: [file], references: [], decoders: [], problems: [] });
  } catch (error) {
    message.textContent = errorText(
      error instanceof LatentPreviewError ? error : problem(one.name, one.blob, error).message,
    );
  } finally {
    store.set({ busy: store.state.busy - 1 });
  }
}

function rawForm(store: Store, one: Problem, message: HTMLElement): HTMLElement {
  const shape = make('input', { type: 'text', name: 'shape', autocomplete: 'off', spellcheck: false, size: 16 });
  const dtype = make('select', { name: 'dtype' }, ...dtypes.map((name) => make('option', { textContent: name })));
  const fill = (suggested: { shape: Shape; dtype: DType }): void => {
    shape.value = suggested.shape.join(', ');
    dtype.value = suggested.dtype;
  };
  const suggestions = suggestShapes(one.blob.size);
  if (suggestions[0]) fill(suggestions[0]);
  const chips = suggestions.map((suggested) => {
    const chip = make('button', { type: 'button', className: 'chip' });
    chip.textContent = `${suggested.shape.join('×')} ${suggested.dtype}`;
    chip.addEventListener('click', () => fill(suggested));
    return chip;
  });
  const size = make('span', { className: 'facts', textContent: `${one.blob.size} bytes would be` });
  const form = make(
    'form',
    { className: 'help' },
    make('label', { className: 'field-inline' }, make('span', { textContent: 'Shape' }), shape),
    make('label', { className: 'field-inline' }, make('span', { textContent: 'dtype' }), dtype),
    make('button', { className: 'primary', textContent: 'Open as raw numbers' }),
    ...(chips.length > 0 ? [make('div', { className: 'chips' }, size, ...chips)] : []),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const read = readShape(shape.value);
    if (!read) message.textContent = `shape: '${shape.value}' is not a list of sizes such as 1, 4, 64, 64`;
    else void retry(store, one, { shape: read, dtype: dtype.value as DType }, message);
  });
  return form;
}

function tensorForm(store: Store, one: Problem, message: HTMLElement): HTMLElement {
  const options = one.tensors.map((tensor) => make('option', { value: tensor.name, textContent: tensorLabel(tensor) }));
  const select = make('select', { name: 'tensor' }, ...options);
  const form = make(
    'form',
    { className: 'help' },
    make('label', { className: 'field-inline' }, make('span', { textContent: 'Tensor' }), select),
    make('button', { className: 'primary', textContent: 'Open this one' }),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void retry(store, one, { key: select.value }, message);
  });
  return form;
}
