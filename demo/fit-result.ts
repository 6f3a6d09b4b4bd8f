// What a fit gave: how the map does beside the published tables, picture by picture, and what to do with it.

import { latentMap } from '../src/decoders/latent-map';
import type { FitFigures } from '../src/fit/index';
import { writeLatentMap } from '../src/fit/map-file';
import { averageFigures } from '../src/fit/report';
import type { LatentFormat } from '../src/index';
import { familyOf, importDecoder, shortName } from './decoders';
import { announce, byId, make } from './dom';
import { save } from './export';
import type { Fitted } from './fit.worker';
import { take } from './open';
import { currentEntry, type Store } from './state';

export interface FitResult {
  show(fitted: Fitted, family: LatentFormat): void;
}

export function createFitResult(store: Store): FitResult {
  const section = byId('fit-result', HTMLElement);
  return {
    show(fitted, family) {
      const { map, report } = fitted;
      const judged = judgedTables(fitted);
      const text = verdict(fitted, judged);
      const means = meansTable(fitted, judged);
      section.replaceChildren(
        make('h2', { id: 'fit-name', textContent: map.name }),
        make('p', { className: 'fit-verdict', textContent: text }),
        ...report.warnings.map((warning) =>
          make('p', { className: 'fit-warning', textContent: `${warning}. Domain, above, says what they are.` }),
        ),
        means,
        ...pictures(fitted, judged),
        make('p', { className: 'facts', textContent: made(fitted) }),
        ...actions(store, fitted, family),
      );
      section.hidden = false;
      means.scrollIntoView({ block: 'nearest' });
      announce(`${map.name}: ${text}`);
    },
  };
}

interface JudgedTable extends FitFigures {
  readonly format: string;
  readonly licence: string;
  readonly images: readonly FitFigures[];
}

/** The tables' means over the pictures that the map is judged on, best first. */
function judgedTables({ report: { images, heldOut }, tables }: Fitted): readonly JudgedTable[] {
  return tables
    .map((table) => ({
      ...table,
      ...averageFigures(table.images.filter((_, index) => images[index].heldOut === (heldOut !== undefined))),
    }))
    .sort((a, b) => b.psnr - a.psnr);
}

function verdict({ report: { heldOut, fitted } }: Fitted, [best]: readonly JudgedTable[]): string {
  const { psnr } = heldOut ?? fitted;
  const where = heldOut
    ? 'on pictures that it has not seen'
    : 'on the pictures that it was fitted on, which flatters it';
  const beside = best
    ? `; ${difference(psnr, best.psnr)} the best published table, ${best.format}`
    : '; nobody has published a table for this format';
  return `${decibels(psnr)} dB ${where}${beside}.`;
}

const difference = (psnr: number, other: number): string =>
  `${decibels(Math.abs(psnr - other))} dB ${psnr < other ? 'below' : 'above'}`;

const decibels = (psnr: number): string => (psnr === Infinity ? '∞' : psnr.toFixed(2));

const numbers = ({ psnr, ssim }: FitFigures): readonly HTMLElement[] => [
  make('td', { textContent: decibels(psnr) }),
  make('td', { textContent: ssim.toFixed(3) }),
];

const head = (...names: readonly string[]): HTMLElement =>
  make('thead', {}, make('tr', {}, ...names.map((textContent) => make('th', { scope: 'col', textContent }))));

function meansTable({ map, report: { images, heldOut, fitted } }: Fitted, tables: readonly JudgedTable[]): HTMLElement {
  const row = (name: string, figures: FitFigures, className = ''): HTMLElement =>
    make('tr', { className }, make('th', { scope: 'row', textContent: name }), ...numbers(figures));
  const count = images.filter((image) => image.heldOut === (heldOut !== undefined)).length;
  const which = heldOut ? 'held-out' : 'fitted';
  const table = make(
    'table',
    { id: 'fit-means' },
    make('caption', {
      textContent: `Mean over ${count} ${which} ${count === 1 ? 'picture' : 'pictures'}, ${sizes(images, map.upscale)}`,
    }),
    head('Decoder', 'PSNR dB', 'SSIM'),
    make(
      'tbody',
      {},
      row(`${map.name} (this map)`, heldOut ?? fitted, 'fit-own'),
      ...tables.map((one) => row(one.format, one)),
    ),
  );
  return table;
}

/** Where all pictures have one size, it; `at latent size` else. */
function sizes(images: Fitted['report']['images'], upscale: number): string {
  const [first] = images;
  return images.every(({ width, height }) => width === first.width && height === first.height)
    ? `at ${first.width}×${first.height}`
    : `at latent size${upscale > 1 ? ` ×${upscale}` : ''}`;
}

/** Every picture by the map and by one of the tables, held out and not. */
function pictures({ report }: Fitted, tables: readonly JudgedTable[]): readonly HTMLElement[] {
  const { images } = report;
  const select = make(
    'select',
    { id: 'fit-beside' },
    ...tables.map(({ format }) => make('option', { value: format, textContent: format })),
  );
  const table = make('table', { id: 'fit-images' });
  const draw = (): void => {
    const beside = tables.find(({ format }) => format === select.value);
    const group = (title: string, heldOut: boolean): readonly HTMLElement[] => {
      const places = [...images.keys()].filter((index) => images[index].heldOut === heldOut);
      if (places.length === 0) return [];
      const row = (name: string, of: (figures: readonly FitFigures[]) => FitFigures, className = ''): HTMLElement =>
        make(
          'tr',
          { className },
          make('th', { scope: 'row', textContent: name }),
          ...numbers(of(images)),
          ...(beside ? numbers(of(beside.images)) : []),
        );
      const mean = (figures: readonly FitFigures[]): FitFigures =>
        averageFigures(places.map((index) => figures[index]));
      const header = make('th', { scope: 'rowgroup', colSpan: beside ? 5 : 3, textContent: title });
      return [
        make(
          'tbody',
          {},
          make('tr', { className: 'fit-group' }, header),
          ...places.map((index) => row(images[index].name, (figures) => figures[index])),
          ...(places.length > 1 ? [row('mean', mean, 'fit-mean')] : []),
        ),
      ];
    };
    const columns = (text: string): HTMLElement => make('th', { scope: 'colgroup', colSpan: 2, textContent: text });
    const named = (): readonly HTMLElement[] =>
      ['PSNR', 'SSIM'].map((textContent) => make('th', { scope: 'col', textContent }));
    table.replaceChildren(
      make('caption', { textContent: 'Picture by picture' }),
      make(
        'thead',
        {},
        make(
          'tr',
          {},
          make('th', { scope: 'col', rowSpan: 2, textContent: 'Picture' }),
          columns('This map'),
          ...(beside ? [columns(beside.format)] : []),
        ),
        make('tr', {}, ...named(), ...(beside ? named() : [])),
      ),
      ...group('Held out', true),
      ...group('Fitted on', false),
    );
  };
  select.addEventListener('change', draw);
  draw();
  if (tables.length === 0) return [table];
  return [make('label', { className: 'field' }, make('span', { textContent: 'Beside' }), select), table];
}

function made({ map, report: { ridge, ridges, pixels } }: Fitted): string {
  const chosen = ridges ? `, the best of ${ridges.length} on the held-out pictures, which flatters it a little` : '';
  return `${map.coefficients.length.toLocaleString('en')} coefficients from ${pixels.toLocaleString('en')} latent pixels; ridge ${ridge}${chosen}.`;
}

function actions(store: Store, { map }: Fitted, family: LatentFormat): readonly HTMLElement[] {
  const file = fileName(map.name);
  const done = make('p', { className: 'facts', role: 'status' });
  const button = (id: string, textContent: string, run: () => void): HTMLElement => {
    const element = make('button', { type: 'button', id, textContent });
    element.addEventListener('click', run);
    return element;
  };
  const write = (type: 'json' | 'safetensors'): void => {
    const name = `${file}.${type}`;
    save(new Blob([writeLatentMap(map, type)], { type: 'application/octet-stream' }), name);
    announce(`saved ${name}`);
  };
  const use = button('fit-use', 'Use it', () => {
    const imported = importDecoder(`${file}.json`, { decoder: latentMap(map), read: 'latentMap' });
    showFamily(store, family);
    take(store, { latents: [], references: [], problems: [], decoders: [imported] });
    done.textContent = `Among the decoders of ${shortName(family)} now, and on their ladder.`;
  });
  use.className = 'primary';
  const buttons = make(
    'div',
    { className: 'buttons' },
    use,
    button('fit-json', 'Export JSON', () => write('json')),
    button('fit-safetensors', 'Export safetensors', () => write('safetensors')),
  );
  return [buttons, done];
}

/** Something that the map decodes, where what is on show is of another family. */
function showFamily(store: Store, family: LatentFormat): void {
  const isOurs = (format: string): boolean => familyOf(format).base === family.base;
  const { entries } = store.state;
  const shown = currentEntry(store.state);
  const ours = entries.find(({ format }) => isOurs(format));
  if (ours && !(shown && isOurs(shown.format))) store.set({ current: ours.id });
}

/** `sdxl affine 3×3 ×2` → `sdxl-affine-3x3-x2` */
const fileName = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll('×', 'x')
    .replace(/[^a-z0-9.]+/g, '-');
