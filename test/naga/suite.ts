// The op suite under Deno, whose WebGPU is wgpu: shaders go through Naga, the other WGSL compiler. Prints one line per
// failure and, last, a line `RESULT {…}` for run.mjs.

import { runOpSuite } from '../op-suite';

const adapter = await navigator.gpu.requestAdapter();
// No optional feature and no raised limit: what passes here runs on every device.
const device = await adapter?.requestDevice();
if (!adapter || !device) throw new Error('Deno found no WebGPU adapter; is VK_ICD_FILENAMES right?');
console.log(`adapter: ${adapter.info.description || adapter.info.device || adapter.info.vendor}`);

const uncaptured: string[] = [];
device.addEventListener('uncapturederror', ({ error }) => uncaptured.push(error.message));

const results = [...(await runOpSuite(device))];
// Lets errors of the last submit arrive.
await device.queue.onSubmittedWorkDone();
results.push({ name: 'no uncaptured GPU error', ok: uncaptured.length === 0, message: uncaptured.join('\n') });

const failed = results.filter(({ ok }) => !ok);
for (const { name, message } of failed) console.log(`✗ ${name}\n    ${(message ?? '').replaceAll('\n', '\n    ')}`);
const failures = failed.map(({ name, message }) => `${name}: ${(message ?? '').split('\n')[0]}`);
const summary = { passed: results.length - failed.length, failed: failed.length, skipped: 0, failures };
console.log(`RESULT ${JSON.stringify(summary)}`);
