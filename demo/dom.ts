// Finding and making elements, typed. Everything is built with createElement: the page's policy allows no inline markup.

import type { ListedTensor } from '../src/index';

/** The element with this id. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

export function find<T extends Element>(parent: ParentNode, selector: string, type: new () => T): T {
  const found = parent.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} ${selector}`);
  return found;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export interface Option {
  readonly value: string;
  readonly label: string;
  readonly disabled?: boolean;
}

/** Fills a select with options, in groups where they have a label; leaves it alone where nothing changed. */
export function fillSelect(
  select: HTMLSelectElement,
  groups: readonly { readonly label?: string; readonly options: readonly Option[] }[],
  value: string,
): void {
  const key = JSON.stringify(groups);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(
      ...groups.flatMap(({ label, options }) => {
        const made = options.map((option) =>
          make('option', { value: option.value, textContent: option.label, disabled: option.disabled ?? false }),
        );
        return label === undefined ? made : options.length > 0 ? [make('optgroup', { label }, ...made)] : [];
      }),
    );
  }
  select.value = value;
}

/** The radios of one name: hears changes, and shows a value. */
export function radios(name: string, onChange: (value: string) => void): (value: string) => void {
  const inputs = [...document.querySelectorAll<HTMLInputElement>(`input[type=radio][name=${name}]`)];
  for (const input of inputs) input.addEventListener('change', () => input.checked && onChange(input.value));
  return (value) => {
    for (const input of inputs) input.checked = input.value === value;
  };
}

export function range(input: HTMLInputElement, value: number, count: number): void {
  input.max = String(count - 1);
  input.value = String(value);
}

/** A 2D context whose pixels stay in main memory, so that they outlive a lost GPU. */
export const context2d = (canvas: HTMLCanvasElement): CanvasRenderingContext2D | null =>
  canvas.getContext('2d', { willReadFrequently: true });

/** Says something to people who do not see the page. */
export function announce(text: string): void {
  byId('status', HTMLParagraphElement).textContent = text;
}

export const tensorLabel = ({ name, dtype, shape }: ListedTensor): string => `${name} · ${dtype} (${shape.join(', ')})`;

/** Milliseconds for people. */
export function duration(milliseconds: number): string {
  if (milliseconds < 0.1) return '< 0.1 ms';
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

export const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error));
