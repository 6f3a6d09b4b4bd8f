// Every op's kernel against its reference, and whole decodes on the GPU against the CPU, on Dawn. Half floats too where
// it has them, which SwiftShader has not: there Deno alone runs them, and the null backend compiles them (precision.test.ts).

import { afterAll, describe, expect, it } from 'vitest';
import { requestDevice } from '../src/index';
import { halfCases } from './half-suite';
import { suiteCases } from './op-suite';
import { checked, describeGpu } from './setup/gpu';

describeGpu('107, 108, 109 the op suite on Dawn', async () => {
  const device = await requestDevice('webgpu');
  afterAll(() => device?.destroy());
  for (const { name, run } of suiteCases(device!))
    it(name, () => checked(device!, async () => expect(await run(device!)).toBeUndefined()));
});

const able = (await navigator.gpu.requestAdapter())?.features.has('shader-f16') ?? false;
if (!able) console.log('skipped: half floats on Dawn – its adapter has no shader-f16');
describe.skipIf(!able)('half floats on Dawn', async () => {
  const adapter = able ? await navigator.gpu.requestAdapter() : undefined;
  const device = await adapter?.requestDevice({ requiredFeatures: ['shader-f16'] });
  afterAll(() => device?.destroy());
  for (const { name, run } of halfCases(() => {}))
    it(name, () => checked(device!, async () => expect(await run(device!)).toBeUndefined()));
});
