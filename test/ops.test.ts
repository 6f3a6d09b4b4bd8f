// Every op's kernel against its reference, and whole decodes on the GPU against the CPU, on Dawn.

import { afterAll, expect, it } from 'vitest';
import { suiteCases } from './op-suite';
import { checked, describeGpu } from './setup/gpu';

describeGpu('the op suite on Dawn', async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter?.requestDevice();
  afterAll(() => device?.destroy());
  for (const { name, run } of suiteCases())
    it(name, () => checked(device!, async () => expect(await run(device!)).toBeUndefined()));
});
