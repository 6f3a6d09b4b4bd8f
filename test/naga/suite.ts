// The suites under Deno, whose WebGPU is wgpu: shaders go through Naga, the other WGSL compiler, and lavapipe runs half
// floats, which SwiftShader does not. Prints one line per failure and, last, a line `RESULT {…}` for run.mjs.

import { halfGoldenCases, runGoldens } from '../golden-suite';
import { halfCases } from '../half-suite';
import { runCases, runOpSuite, type SuiteResult } from '../op-suite';

/** What this file uses of Deno's own. */
declare const Deno: { readonly args: readonly string[]; readFile(path: string): Promise<Uint8Array> };
const { underCI, shared } = JSON.parse(Deno.args[0] ?? '{}') as { underCI: boolean; shared?: string };

// Deno 2.9 panics where a device tells of its adapter after that was collected.
const kept: (GPUAdapter | null)[] = [];
Object.assign(globalThis, { kept });
const keep = (adapter: GPUAdapter | null): GPUAdapter | null => {
  kept.push(adapter);
  return adapter;
};

const adapter = keep(await navigator.gpu.requestAdapter());
// No optional feature and no raised limit: what passes here runs on every device.
const device = await adapter?.requestDevice();
if (!adapter || !device) throw new Error('Deno found no WebGPU adapter; is VK_ICD_FILENAMES right?');
console.log(`adapter: ${adapter.info.description || adapter.info.device || adapter.info.vendor}`);

const uncaptured: string[] = [];
const watch = (watched: GPUDevice): void =>
  watched.addEventListener('uncapturederror', ({ error }) => uncaptured.push(error.message));
watch(device);

const results: SuiteResult[] = [...(await runOpSuite(device))];
let skipped = 0;

const read = (path: string): Promise<Uint8Array> => Deno.readFile(`${shared}/${path}`);
if (shared) results.push(...(await runGoldens(device, read)));
else {
  skipped++;
  console.log('skipped: decodes of real weights – ../shared is not there');
}
// Lets errors of the last submit arrive.
await device.queue.onSubmittedWorkDone();

if (adapter.features.has('shader-f16')) {
  const another = keep(await navigator.gpu.requestAdapter());
  const halves = await another?.requestDevice({ requiredFeatures: ['shader-f16'] });
  if (!halves) throw new Error('the adapter gave no device with shader-f16');
  watch(halves);
  results.push(...(await runCases(halves, halfCases(console.log))));
  if (shared) results.push(...(await runCases(halves, halfGoldenCases(read, console.log))));
  await halves.queue.onSubmittedWorkDone();
} else {
  const message = 'the adapter has no shader-f16, which lavapipe is known to have since Mesa 22';
  console.log(`skipped: half floats – ${message}`);
  if (underCI) results.push({ name: 'half floats', ok: false, message });
  else skipped++;
}
results.push({ name: 'no uncaptured GPU error', ok: uncaptured.length === 0, message: uncaptured.join('\n') });

const failed = results.filter(({ ok }) => !ok);
for (const { name, message } of failed) console.log(`✗ ${name}\n    ${(message ?? '').replaceAll('\n', '\n    ')}`);
const failures = failed.map(({ name, message }) => `${name}: ${(message ?? '').split('\n')[0]}`);
const summary = { passed: results.length - failed.length, failed: failed.length, skipped, failures };
console.log(`RESULT ${JSON.stringify(summary)}`);
