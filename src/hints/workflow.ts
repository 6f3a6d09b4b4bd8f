// What the workflow in a ComfyUI file says of the latents: the VAE and the models that it loads, and nodes that only one
// family has. The JSON is anybody's: it is looked at to a fixed depth, own properties and strings alone.

import type { FormatHint } from '../latents';
import { familiesOfName } from './names';

/** Longer ones are not read: the largest workflows have some hundred kilobytes. */
const longestText = 8 * 2 ** 20;
const mostNodes = 10_000;
const mostHints = 12;

/** `type` of ComfyUI's CLIPLoader and DualCLIPLoader (comfy/sd.py), as far as it means one family. */
const clipTypes = new Map<string, readonly string[]>([
  ['sdxl', ['sdxl']],
  ['sd3', ['sd3']],
  ['flux', ['flux']],
  ['flux2', ['flux2']],
  ['chroma', ['flux']],
  ['lumina2', ['flux']],
  ['hidream', ['flux']],
  ['omnigen2', ['flux']],
  ['ovis', ['flux']],
  ['wan', ['wan21', 'wan22']],
  ['qwen_image', ['wan21']],
  ['hunyuan_video', ['hunyuanvideo']],
  ['hunyuan_video_15', ['hunyuanvideo15']],
  ['hunyuan_image', ['hunyuanimage21']],
  ['kandinsky5', ['hunyuanvideo']],
  ['kandinsky5_image', ['flux']],
  ['mochi', ['mochi']],
  ['ltxv', ['ltxv', 'ltx2', 'ltx2_3']],
  ['cosmos', ['cosmos1']],
  ['minimax', ['minimax_h3']],
  ['stable_cascade', ['sc_prior', 'sc_b']],
]);

/** Nodes that make or sample latents of few families (ComfyUI's comfy_extras). */
const nodeKinds: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^(EmptyFlux2LatentImage|Flux2Scheduler)$/, ['flux2']],
  [/^(FluxGuidance|ModelSamplingFlux|CLIPTextEncodeFlux)$/, ['flux']],
  [/^CLIPTextEncodeSDXL/, ['sdxl']],
  [/^EmptySD3LatentImage$/, ['sd3', 'flux', 'wan21']],
  [/^EmptyQwenImageLayeredLatentImage$/, ['wan21']],
  [/^Wan22ImageToVideoLatent$/, ['wan22']],
  [/^Wan\w*ToVideo$/, ['wan21']],
  [/^EmptyHunyuanVideo15Latent$/, ['hunyuanvideo15']],
  [/^EmptyHunyuanLatentVideo$/, ['hunyuanvideo', 'wan21']],
  [/^EmptyHunyuanImageLatent$/, ['hunyuanimage21']],
  [/^EmptyMochiLatentVideo$/, ['mochi']],
  [/^EmptyLTXVLatentVideo$/, ['ltxv', 'ltx2', 'ltx2_3']],
  [/^EmptyCosmosLatentVideo$/, ['cosmos1']],
  [/^StableCascade_/, ['sc_prior', 'sc_b']],
  [/^EmptyChromaRadianceLatentImage$/, ['pixel']],
];

interface Node {
  readonly kind: string;
  /** Field and text; '' where the file does not name its fields. */
  readonly texts: readonly (readonly [string, string])[];
}

/** From a file's `prompt` (what ran), else its `workflow` (what was on screen). Strongest first; empty where both say nothing. */
export function workflowHints(metadata: ReadonlyMap<string, string>): readonly FormatHint[] {
  for (const [key, nodesOf] of [
    ['prompt', promptNodes],
    ['workflow', graphNodes],
  ] as const) {
    const hints = nodesOf(parse(metadata.get(key)))
      .slice(0, mostNodes)
      .flatMap(nodeHints);
    const unique = hints.filter(({ reason }, index) => hints.findIndex((other) => other.reason === reason) === index);
    if (unique.length > 0) return unique.sort((a, b) => b.strength - a.strength).slice(0, mostHints);
  }
  return [];
}

function nodeHints({ kind, texts }: Node): readonly FormatHint[] {
  const hints: FormatHint[] = [];
  const add = (strength: FormatHint['strength'], formats: readonly string[] | undefined, reason: string): void => {
    if (formats) hints.push({ strength, formats, reason: `the file's workflow ${reason}` });
  };
  for (const [field, text] of texts) {
    const quoted = `'${text.slice(-80)}'`;
    const isVae = field === 'vae_name' || (field === '' && /VAELoader/.test(kind));
    const isModel =
      /^(ckpt|unet|model|gguf|diffusion_model)_name$|^model$/.test(field) ||
      (field === '' && /Checkpoint|UNET|UnetLoader|DiffusionModel/.test(kind));
    if (isVae) add(3, familiesOfName(text), `loads the VAE ${quoted}`);
    else if (isModel) add(2, familiesOfName(text), `loads the model ${quoted}`);
    else if (/CLIPLoader/.test(kind) && (field === 'type' || field === ''))
      add(2, clipTypes.get(text), `loads text encoders for ${quoted}`);
  }
  add(1, nodeKinds.find(([pattern]) => pattern.test(kind))?.[1], `has the node ${kind.slice(0, 80)}`);
  return hints;
}

/** { id: { class_type, inputs: { field: value } } } */
const promptNodes = (prompt: unknown): readonly Node[] =>
  valuesOf(prompt).map((node) => ({
    kind: textOf(ownOf(node, 'class_type')),
    texts: entriesOf(ownOf(node, 'inputs')),
  }));

/** { nodes: [{ type, widgets_values }], definitions: { subgraphs: [{ nodes }] } } */
const graphNodes = (graph: unknown): readonly Node[] =>
  [graph, ...valuesOf(ownOf(ownOf(graph, 'definitions'), 'subgraphs')).slice(0, 100)]
    .flatMap((part) => valuesOf(ownOf(part, 'nodes')).slice(0, mostNodes))
    .map((node) => {
      const widgets = ownOf(node, 'widgets_values');
      const texts = entriesOf(widgets);
      return {
        kind: textOf(ownOf(node, 'type')),
        texts: Array.isArray(widgets) ? texts.map(([, text]) => ['', text] as const) : texts,
      };
    });

function parse(text: string | undefined): unknown {
  if (text === undefined || text.length > longestText) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON, or nested deeper than the engine follows: it says nothing.
    return undefined;
  }
}

const valuesOf = (value: unknown): readonly unknown[] =>
  typeof value === 'object' && value !== null ? Object.values(value) : [];

const ownOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Own properties that hold short strings. */
const entriesOf = (value: unknown): readonly (readonly [string, string])[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].length < 1000,
      )
    : [];
