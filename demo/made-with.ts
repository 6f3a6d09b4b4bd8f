// What a file's own strings say about how it was made: ComfyUI's prompt read for people, all else as it stands. The strings
// are strangers' text: read with care, shown as text.

export interface Fact {
  readonly label: string;
  readonly value: string;
}

/** Longer graphs are left as they are. */
const mostCharacters = 4e6;
/** Texts may come through this many nodes before they reach the sampler. */
const mostLinks = 8;

interface GraphNode {
  readonly type: string;
  readonly inputs: ReadonlyMap<string, unknown>;
}
type Graph = ReadonlyMap<string, GraphNode>;

/** Facts for people, likeliest wanted first; empty where the strings hold none. */
export function madeWith(metadata: ReadonlyMap<string, string>): readonly Fact[] {
  const graph = readGraph(metadata.get('prompt') ?? '');
  const others = [...metadata]
    .filter(([key]) => key !== 'prompt' && key !== 'workflow')
    .map(([label, value]) => ({ label, value }));
  return [...(graph ? factsOf(graph) : []), ...others];
}

/** ComfyUI's API format: `{ "3": { "class_type": "KSampler", "inputs": { "model": ["4", 0], "steps": 20 } } }`. */
function readGraph(text: string): Graph | undefined {
  if (text.length > mostCharacters) return undefined;
  const nodes = entriesOf(parse(text)).flatMap(([id, node]): [string, GraphNode][] => {
    const fields = new Map(entriesOf(node));
    const type = fields.get('class_type');
    return typeof type === 'string' ? [[id, { type, inputs: new Map(entriesOf(fields.get('inputs'))) }]] : [];
  });
  return nodes.length > 0 ? new Map(nodes) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];

function factsOf(graph: Graph): readonly Fact[] {
  const nodes = [...graph.values()];
  const all = (...names: readonly string[]): string =>
    [...new Set(nodes.flatMap(({ inputs }) => names.flatMap((name) => plain(inputs.get(name)))))].join(', ');
  const sampler = nodes.find(({ inputs }) => inputs.has('steps') || inputs.has('noise_seed') || inputs.has('seed'));
  const texts = (name: string): string =>
    [...new Set(nodes.flatMap(({ inputs }) => textOf(graph, inputs.get(name), 0)))].join('\n');
  const size = nodes.find(({ type, inputs }) => /latent/i.test(type) && inputs.has('width') && inputs.has('height'));
  const facts: readonly Fact[] = [
    { label: 'Model', value: all('ckpt_name', 'unet_name', 'model_name') },
    { label: 'VAE', value: all('vae_name') },
    { label: 'LoRA', value: all('lora_name') },
    { label: 'Prompt', value: texts('positive') || texts('conditioning') },
    { label: 'Negative', value: texts('negative') },
    { label: 'Sampler', value: sampler ? settingsOf(sampler) : '' },
    { label: 'Size', value: size ? `${plain(size.inputs.get('width'))}×${plain(size.inputs.get('height'))}` : '' },
    { label: 'Nodes', value: [...new Set(nodes.map(({ type }) => type))].join(', ') },
  ];
  return facts.filter(({ value }) => value !== '' && value !== '×');
}

/** A number or a text; a link to another node is neither. */
const plain = (value: unknown): readonly string[] =>
  (typeof value === 'string' && value.trim() !== '') || typeof value === 'number' ? [String(value).trim()] : [];

/** Names of inputs in the words of those who set them. */
const settings = [
  ['sampler_name', ''],
  ['scheduler', ''],
  ['steps', 'steps '],
  ['cfg', 'cfg '],
  ['seed', 'seed '],
  ['noise_seed', 'seed '],
  ['denoise', 'denoise '],
] as const;

const settingsOf = ({ inputs }: GraphNode): string =>
  settings.flatMap(([name, word]) => plain(inputs.get(name)).map((value) => word + value)).join(' · ');

/** What was typed into the node that a link comes from, or into those before it. */
function textOf(graph: Graph, link: unknown, links: number): readonly string[] {
  const node = Array.isArray(link) && links < mostLinks ? graph.get(String(link[0])) : undefined;
  if (!node) return [];
  const own = [...node.inputs].flatMap(([name, value]) => (isText(name) ? plain(value) : []));
  if (own.length > 0) return [...new Set(own)];
  const [first] = [...node.inputs]
    .filter(([name]) => isText(name) || /^conditioning|^positive$/.test(name))
    .map(([, value]) => textOf(graph, value, links + 1))
    .filter((found) => found.length > 0);
  return first ?? [];
}

const isText = (name: string): boolean => /^(text|text_[gl]|prompt|clip_[gl]|t5xxl)$/.test(name);
