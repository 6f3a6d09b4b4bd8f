// The demo's replay server: its steps are the sample with noise, its socket is a real one.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { serveLive } from '../../scripts/live.mjs';
import { type LiveOptions, livePackets, sigmaAfter } from '../../scripts/live-steps';
import { loadLatents } from '../../src/index';
import { decodeLatents, readLatentSteps } from '../../src/stream/index';
import { type Tensor, toFloat32 } from '../../src/tensor';

const file = new Uint8Array(readFileSync(new URL('../../demo/public/samples/flux-chelsea.npy', import.meta.url)));
const clean = toFloat32((await loadLatents(file)).tensor as Tensor);

async function replayed(options: Partial<LiveOptions>) {
  const found = [];
  const all = { content: 'sample', steps: 6, dtype: 'float32', deflate: false, format: 'flux', seed: 1 } as const;
  for await (const packet of livePackets(file, { ...all, ...options })) {
    const step = await decodeLatents(packet);
    found.push({ ...step, data: toFloat32(step.latents.tensor as Tensor) });
  }
  return found;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const distance = (data: Float32Array): number => Math.sqrt(mean([...data].map((value, i) => (value - clean[i]!) ** 2)));

it('a schedule goes from noise alone to none', () => {
  expect([sigmaAfter(0), sigmaAfter(0.5), sigmaAfter(1)]).toEqual([1, 0.75, 0]);
});

it('noisy samples are (1 − σ) · x0 + σ · noise of one normal noise, and end in the sample itself', async () => {
  const steps = await replayed({});
  expect(steps.map(({ step, steps }) => `${step}/${steps}`)).toEqual(['1/6', '2/6', '3/6', '4/6', '5/6', '6/6']);
  expect(steps[0]).toMatchObject({ content: 'sample', formatId: 'flux', latents: { domain: 'model', layout: 'NCHW' } });
  expect(steps[5]?.data).toEqual(clean);
  // Each step's noise, taken out again, is the same, of mean 0 and deviation 1.
  const noises = steps
    .slice(0, 5)
    .map(({ data, sigma }) => [...data].map((value, i) => (value - (1 - sigma!) * clean[i]!) / sigma!));
  for (const noise of noises) {
    expect(Math.abs(mean(noise))).toBeLessThan(0.03);
    expect(Math.sqrt(mean(noise.map((value) => value ** 2)))).toBeCloseTo(1, 1);
    expect(Math.max(...noise.map((value, i) => Math.abs(value - noises[0]![i]!)))).toBeLessThan(1e-4);
  }
  const [other] = await replayed({ seed: 2 });
  expect(other?.data).not.toEqual(steps[0]?.data);
});

it('estimates come nearer from step to step, and are nearer than the noisy samples they are made of', async () => {
  const estimates = (await replayed({ content: 'x0' })).map(({ data }) => distance(data));
  for (const [k, value] of estimates.entries()) if (k > 0) expect(value).toBeLessThan(estimates[k - 1]!);
  const samples = (await replayed({})).map(({ data }) => distance(data));
  // Step k's estimate is made of what step k − 1 left.
  for (let k = 1; k < 5; k++) expect(estimates[k]).toBeLessThan(samples[k - 1]!);
});

const server = createServer();
let address = '';
beforeAll(async () => {
  serveLive(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/live`;
});
afterAll(() => void server.close());

it('streams over a real socket, as the query asks', async () => {
  const socket = new WebSocket(`${address}?sample=sd15-coffee&content=sample&dtype=uint8&deflate=1&steps=3&rate=1000`);
  const found = [];
  for await (const { step, steps, dtype, formatId, bytes } of readLatentSteps(socket)) {
    found.push([step, steps, dtype, formatId]);
    expect(bytes).toBeGreaterThan(1000);
    if (found.length === 3) break;
  }
  socket.terminate();
  expect(found).toEqual([1, 2, 3].map((step) => [step, 3, 'uint8', 'sd15']));
});

it.each([
  ['sample=../../package', 'sample: there is none of that name'],
  ['dtype=int4', 'dtype: one of float16'],
  ['rate=0', 'rate: 1 to 1000'],
  ['steps=1e9', 'steps: 1 to 1000'],
])('refuses %s with a reason', async (query, reason) => {
  await expect(readLatentSteps(new WebSocket(`${address}?${query}`)).next()).rejects.toThrow(`1008 (${reason}`);
});
