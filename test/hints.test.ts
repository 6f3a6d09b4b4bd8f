// What files say of their latents: ComfyUI workflows, metadata of other writers, names; and that hostile JSON says nothing.

import { describe, expect, it } from 'vitest';
import { familiesOfName } from '../src/hints/names';
import { workflowHints } from '../src/hints/workflow';
import { formats, guessFormats, identifyLatents, loadLatents } from '../src/index';
import { noise } from '../src/ops/examples';

/** A safetensors file of one float32 tensor, with an empty one beside it where asked. */
function safetensors(
  name: string,
  shape: number[],
  metadata: Record<string, string>,
  marker = false,
  size = 1,
): Uint8Array {
  const data = noise(
    shape.reduce((product, n) => product * n, 1),
    7,
  ).map((value) => value * size);
  const header = {
    __metadata__: metadata,
    ...(marker && { latent_format_version_0: { dtype: 'F32', shape: [0], data_offsets: [0, 0] } }),
    [name]: { dtype: 'F32', shape, data_offsets: [0, data.byteLength] },
  };
  let text = new TextEncoder().encode(JSON.stringify(header));
  text = Uint8Array.from([...text, ...new Array((8 - (text.length % 8)) % 8).fill(0x20)]);
  const bytes = new Uint8Array(8 + text.length + data.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(data.buffer), 8 + text.length);
  return bytes;
}

const prompt = (...nodes: [string, Record<string, unknown>][]): string =>
  JSON.stringify(Object.fromEntries(nodes.map(([kind, inputs], k) => [`${k + 3}`, { class_type: kind, inputs }])));
const named = (metadata: Record<string, string>): string[][] =>
  workflowHints(new Map(Object.entries(metadata))).map(({ formats }) => [...formats]);

describe('a ComfyUI workflow', () => {
  it('names its VAE first, then its models, then its nodes', () => {
    const text = prompt(
      ['EmptySD3LatentImage', { width: 1024 }],
      ['UNETLoader', { unet_name: 'z_image_turbo_bf16.safetensors', weight_dtype: 'default' }],
      ['CLIPLoader', { clip_name: 'qwen_3_4b.safetensors', type: 'lumina2' }],
      ['VAELoader', { vae_name: 'ae.safetensors' }],
      ['KSampler', { model: ['4', 0], seed: 7 }],
    );
    const hints = workflowHints(new Map([['prompt', text]]));
    expect(hints.map(({ formats, strength }) => [strength, ...formats])).toEqual([
      [3, 'flux'],
      [2, 'flux'],
      [2, 'flux'],
      [1, 'sd3', 'flux', 'wan21'],
    ]);
    expect(hints[0]!.reason).toBe("the file's workflow loads the VAE 'ae.safetensors'");
  });
  it('is read as it was on screen where there is no prompt, subgraphs too', () => {
    const inner = { nodes: [{ type: 'VAELoader', widgets_values: ['wan_2.1_vae.safetensors'] }] };
    const graph = {
      nodes: [{ type: 'CheckpointLoaderSimple', widgets_values: ['sd_xl_base_1.0.safetensors'] }],
      definitions: { subgraphs: [inner] },
    };
    expect(named({ workflow: JSON.stringify(graph) })).toEqual([['wan21'], ['sdxl']]);
    expect(
      named({ workflow: '{"nodes":[{"type":"VAELoader","widgets_values":{"vae_name":"flux2-vae.sft"}}]}' }),
    ).toEqual([['flux2']]);
  });
  it('of anything else says nothing, at once', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    const many = `{${Array.from({ length: 50_000 }, (_, k) => `"${k}":{"class_type":"VAELoader","inputs":{"vae_name":"x"}}`).join()}}`;
    const before = performance.now();
    for (const text of [
      ...['', '{', 'null', '7', '"VAELoader"', '[]', '{"3":null}', '{"3":[]}', '{"3":{"class_type":7,"inputs":"x"}}'],
      '{"3":{"class_type":"VAELoader","inputs":{"vae_name":["4",0]}}}',
      '{"3":{"class_type":"VAELoader","inputs":{"vae_name":{"toString":"flux"}}}}',
      '{"__proto__":{"class_type":"VAELoader"},"constructor":{"inputs":{"__proto__":{"vae_name":"ae.safetensors"}}}}',
      `{"3":{"class_type":"VAELoader","inputs":{"vae_name":"${'x'.repeat(5000)}"}}}`,
      `{"nodes":${deep}}`,
      deep,
      many,
      `"${'x'.repeat(9 * 2 ** 20)}"`,
    ])
      expect(named({ prompt: text, workflow: text })).toEqual([]);
    expect(performance.now() - before).toBeLessThan(5000);
    expect(({} as Record<string, unknown>).class_type).toBeUndefined();
  });
  it('of thousands of nodes gives a handful of hints', () => {
    const nodes = Array.from({ length: 500 }, (_, k): [string, Record<string, unknown>] => [
      'VAELoader',
      { vae_name: `flux-vae-${k}.safetensors` },
    ]);
    expect(named({ prompt: prompt(...nodes) })).toHaveLength(12);
  });
});

it.each([
  ['FLUX1\\ae.safetensors', 'flux'],
  ['flux2-vae.safetensors', 'flux2'],
  ['flux-2-klein-4b-fp8.safetensors', 'flux2'],
  ['qwen_image_vae.safetensors', 'wan21'],
  ['qwen_image_2.1_vae_bf16.safetensors', 'qwen_image_2_1'],
  ['wan_2.1_vae.safetensors', 'wan21'],
  ['wan2.2_vae.safetensors', 'wan22'],
  ['wan2.2_ti2v_5B_fp16.safetensors', 'wan22'],
  ['wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors', 'wan21'],
  ['hunyuan_video_vae_bf16.safetensors', 'hunyuanvideo'],
  ['hunyuanvideo15_vae_fp16.safetensors', 'hunyuanvideo15'],
  ['hunyuan_image_2.1_vae_fp16.safetensors', 'hunyuanimage21'],
  ['ltx-2-19b-dev-fp8.safetensors', 'ltx2'],
  ['ltxv-2b-0.9.8-distilled.safetensors', 'ltxv'],
  ['minimax_h3_video_vae_fp16.safetensors', 'minimax_h3'],
  ['mochi_vae.safetensors', 'mochi'],
  ['cosmos_cv8x8x8_1.0.safetensors', 'cosmos1'],
  ['sd_xl_base_1.0.safetensors', 'sdxl'],
  ['illustrious\\waiIllustriousSDXL_v160.safetensors', 'sdxl'],
  ['sd3.5_large_fp8_scaled.safetensors', 'sd3'],
  ['v1-5-pruned-emaonly-fp16.safetensors', 'sd15'],
  ['v2-1_768-ema-pruned.safetensors', 'sd15'],
  ['vae-ft-mse-840000-ema-pruned.safetensors', 'sd15'],
  ['taesd', 'sd15'],
  ['taesdxl', 'sdxl'],
  ['taesd3', 'sd3'],
  ['taef1', 'flux'],
  ['stable-diffusion-xl-v1-base', 'sdxl'],
  ['flux-1-dev', 'flux'],
  ['hunyuan_video', 'hunyuanvideo'],
])('%s is a name of %s', (name, format) => {
  const [first] = familiesOfName(name) ?? [];
  expect(first).toBe(format);
  expect(formats[format]).toBeDefined();
});
it.each(['model.safetensors', 'latents', 'latent_tensor', 'samples', '', 'AOM3A1_orangemixs.safetensors'])(
  '%j says nothing',
  (name) => expect(familiesOfName(name)).toBeUndefined(),
);

describe('guesses heed what the file says', () => {
  // Noise: nothing in the numbers tells one family of 16 channels from another.
  const shape = [1, 16, 24, 32];
  const workflow = { prompt: prompt(['VAELoader', { vae_name: 'ae.safetensors' }]) };
  it('a workflow makes its family the first and a reason tells why', async () => {
    const latents = await loadLatents(safetensors('latent_tensor', shape, workflow, true, 5));
    expect([latents.domain, latents.domainFrom]).toEqual(['vae', 'file']);
    expect(latents.reason).toBe('ComfyUI saves latents as the VAE takes them, unscaled');
    expect(latents.format).toBeUndefined();
    const [best, second] = await guessFormats(latents);
    expect(best!.format.id).toBe('flux');
    expect(best!.reason).toMatch(/the file's workflow loads the VAE 'ae\.safetensors'$/);
    expect(best!.latents).toMatchObject({ formatFrom: 'file', domain: 'vae', domainFrom: 'file' });
    expect(second!.latents.formatFrom).toBe('guess');
  });
  it('other writers say it in metadata', async () => {
    for (const [key, text, format] of [
      ['family', 'cogview4', 'cogview4'],
      ['modelspec.architecture', 'flux-1-dev', 'flux'],
      ['architecture', 'wan', 'wan21'],
    ] as const) {
      const latents = await loadLatents(safetensors('latents', shape, { [key]: text }));
      const [best] = await guessFormats(latents);
      expect([best!.format.id, best!.latents.formatFrom]).toEqual([format, 'file']);
      expect(best!.reason).toContain(`the file's metadata says ${key} '${text}'`);
    }
  });
  it('a family whose channels do not fit is not heeded', async () => {
    const plain = await guessFormats(await loadLatents(safetensors('latents', shape, {})));
    const hinted = await guessFormats(await loadLatents(safetensors('latents', shape, { family: 'sdxl' })));
    expect(hinted.map(({ format, distance }) => [format.id, distance])).toEqual(
      plain.map(({ format, distance }) => [format.id, distance]),
    );
  });
  it('the caller is heeded more than the file', async () => {
    const latents = await loadLatents(safetensors('latents', shape, { family: 'flux' }), {
      format: 'sd3',
      domain: 'model',
    });
    expect(latents).toMatchObject({ formatFrom: 'caller', domainFrom: 'caller' });
    const guesses = await guessFormats(latents);
    expect(new Set(guesses.map(({ format, domain }) => `${format.id} ${domain}`))).toEqual(new Set(['sd3 model']));
  });
  it('latents of 128 channels are left in the model domain by ComfyUI', async () => {
    const latents = await loadLatents(safetensors('latent_tensor', [1, 128, 2, 3, 3], {}, true));
    expect([latents.domain, latents.domainFrom]).toEqual(['model', 'file']);
  });
  it('noise of which nothing is said is an error that lists candidates with reasons', async () => {
    const latents = await loadLatents(safetensors('latents', shape, {}));
    await expect(identifyLatents(latents)).rejects.toMatchObject({ code: 'format' });
    const { message } = (await identifyLatents(latents).catch((error: unknown) => error)) as Error;
    expect(message).toMatch(/the numbers do not say clearly which; pass `format`/);
    expect(message.split('\n').length).toBeGreaterThan(3);
    expect(message.split('\n')[1]).toMatch(
      /^ {2}\w+, (model|vae) domain \(distance \d+\.\d\d\): 16 channels of 32×24; /,
    );
  });
});
