// Where numbers of several files come from. Commits are those at which the numbers were read.

import type { Source } from './format';

export const stableDiffusionCpp: Source = {
  repo: 'leejet/stable-diffusion.cpp',
  path: 'src/runtime/latent-preview.h',
  commit: '97d2990807fe6d558e395f8764198d7c7e7b411c',
  licence: 'MIT',
};

export const invokeai: Source = {
  repo: 'invoke-ai/InvokeAI',
  path: 'invokeai/app/util/step_callback.py',
  commit: '8e71a8a519399d6db32054ae9afc7c6c4e2355af',
  licence: 'Apache-2.0',
};

/** Where InvokeAI keeps all its maps since it moved them. */
export const invokeaiLatentSpace: Source = {
  ...invokeai,
  path: 'invokeai/backend/architectures/facets/latent_space.py',
  commit: '1dc48bed9d53e6f0d644c47131f491c648b3e2d1',
};

export const sdnext: Source = {
  repo: 'vladmandic/sdnext',
  path: 'modules/vae/sd_vae_approx.py',
  commit: '058a7f0cf326f39c0135c6257d7b7e61073e51fd',
  licence: 'Apache-2.0',
};

export const stability: Source = {
  repo: 'Stability-AI/sd3.5',
  path: 'sd3_impls.py',
  commit: '8df03ab3ac9887846c19d692c9af23ce52c0ff4a',
  licence: 'MIT',
};

export const mold: Source = {
  repo: 'utensils/mold',
  path: 'crates/mold-inference/src/latent_preview.rs',
  commit: '08d60b9443a6d6e052904697bbf16d7a052e8184',
  licence: 'MIT',
};

export const fusedRender: Source = {
  repo: 'fusedio/fused-render',
  path: 'fused_render/ai/runners/preview.py',
  commit: 'ea20efea736456ce52a12f5279a761bde46d7712',
  licence: 'MIT',
};

/** Constants of a model, as diffusers states them. */
export const diffusers = (path: string): Source => ({ repo: 'huggingface/diffusers', path, licence: 'Apache-2.0' });

export const diffusersDocumentation: Source = {
  ...diffusers('docs/source/en/using-diffusers/callback.md'),
  commit: '58eb52c0803ea9af3abec60841c2a093bdf1f951',
};

// Constants and statistics that only the model itself states. No map comes from these.

export const stabilityCascade: Source = { repo: 'Stability-AI/StableCascade', licence: 'MIT' };

export const playground: Source = {
  repo: 'huggingface.co/playgroundai/playground-v2.5-1024px-aesthetic',
  path: 'vae/config.json',
  licence: 'Playground v2.5 Community License',
};

export const lightricks: Source = {
  repo: 'huggingface.co/Lightricks/LTX-2',
  licence: 'LTX-2 Community License Agreement',
};

export const comfyuiConstants: Source = {
  repo: 'Comfy-Org/ComfyUI',
  path: 'comfy/latent_formats.py',
  commit: '75399d78ddcc01f46f9b94521b29f1fe8a90ed53',
  licence: 'GPL-3.0',
  note: 'Only the constants: its map is in the copyleft formats.',
};
