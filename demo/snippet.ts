// The code that makes the picture on show, for whoever wants it in a page of their own.

import { choiceOf } from './decoders';
import { byId } from './dom';
import { axesOf, fileOf, viewOf, viewOfFile } from './entry';
import { currentEntry, type Entry, type ImportedDecoder, type State, type Store } from './state';

export function createSnippet(store: Store): void {
  const code = byId('snippet', HTMLElement);
  const copy = byId('copy', HTMLButtonElement);
  store.listen((state) => {
    const entry = currentEntry(state);
    if (entry) code.textContent = snippetFor(state, entry);
  });
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(code.textContent ?? '');
    copy.textContent = 'Copied';
    setTimeout(() => {
      copy.textContent = 'Copy';
    }, 1500);
  });
}

export function snippetFor(state: State, entry: Entry): string {
  const choice = choiceOf(state, entry);
  const { name, key, raw } = fileOf(entry);
  const optIn = choice?.group === 'opt-in';
  const own = choice?.imported !== undefined;
  const mini = choice?.group === 'mini';
  const dropped = mini ? undefined : choice?.imported;
  const weights = dropped?.read === 'decoderFromWeights';
  const map = dropped?.read === 'latentMap';
  const names = [
    'createPreviewer',
    'loadLatents',
    ...(dropped && !map ? [dropped.read] : []),
    ...(weights ? ['loadWeights'] : []),
  ];
  const load = [
    ...(key === undefined ? [] : [`key: ${quoted(key)}`]),
    ...(raw ? [`shape: [${raw.shape.join(', ')}]`] : []),
    ...(raw?.dtype ? [`dtype: '${raw.dtype}'`] : []),
    ...saidOf(entry),
  ];
  const place = axesOf(entry)
    .filter(({ axis }) => axis !== 'file')
    .map(({ axis }) => `${axis}: ${entry.position[axis]}`);
  const show = [...place, ...(state.size === 'latent' ? [] : [`size: 'image'`, `resample: '${state.filter}'`])];
  const format = optIn ? `copyleftFormats['${choice?.id}']` : `'${own ? entry.format : (choice?.id ?? entry.format)}'`;
  const options = [
    `format: ${format}`,
    ...(mini ? ["decoder: 'mini'"] : own ? ['decoder'] : choice?.group === 'fitted' ? ["decoder: 'map'"] : []),
    ...(state.backend === 'auto' ? [] : [`backend: '${state.backend}'`]),
  ];
  return [
    `import { ${names.sort().join(', ')} } from 'latent-preview';`,
    ...(optIn
      ? [`// ${choice.format.source.licence}\nimport { copyleftFormats } from 'latent-preview/formats/copyleft';`]
      : []),
    ...(map
      ? [`import { latentMap${isPacked(dropped.file) ? ', readLatentMap' : ''} } from 'latent-preview/fit';`]
      : []),
    '',
    `const latents = await loadLatents(${quoted(name)}${braces(load, ', ')});`,
    ...(dropped ? [`const decoder = ${dropped.read}(${source(dropped)});`] : []),
    `const previewer = await createPreviewer({ ${options.join(', ')} });`,
    `await previewer.toCanvas(latents, canvas${braces(show, ', ')});`,
  ].join('\n');
}

/** What the library would not find by itself. */
function saidOf(entry: Entry): readonly string[] {
  const { domain, layout, grid } = entry;
  const view = viewOf(entry);
  const alone = viewOfFile(entry);
  const placed = JSON.stringify({ ...view, domain }) !== JSON.stringify({ ...alone, domain });
  return [
    ...(domain === alone?.domain ? [] : [`domain: '${domain}'`]),
    ...(layout && placed ? [`layout: '${layout}'`] : []),
    ...(grid && placed ? [`size: { height: ${grid.height}, width: ${grid.width} }`] : []),
  ];
}

function source({ file, read, known }: ImportedDecoder): string {
  if (read === 'decoderFromWeights') return `await loadWeights(${quoted(known ?? file)})`;
  if (read === 'latentMap' && isPacked(file))
    return `await readLatentMap(new Uint8Array(await (await fetch(${quoted(file)})).arrayBuffer()))`;
  return `await (await fetch(${quoted(file)})).json()`;
}

/** Of maps; those as JSON are parsed by anyone. */
const isPacked = (file: string): boolean => file.endsWith('.safetensors');

const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;

const braces = (fields: readonly string[], before: string): string =>
  fields.length > 0 ? `${before}{ ${fields.join(', ')} }` : '';
