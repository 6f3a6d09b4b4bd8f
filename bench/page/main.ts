// A visit of the page: `together`, contenders side by side; or `alone`, one contender in a browser of its own, for what cannot
// be told apart in one page: cold start, memory, processor time. serve.mjs gives the orders and takes the result.

import './meter';
import type { Contender, Session } from './contender';
import { loop } from './loop';
import { type BenchOptions, latentsOf, measure, slowRounds, timed } from './measure';
import { charge } from './meter';
import { miniNetwork } from './mini';
import { linearNetwork, nominalFlops, taesdNetwork } from './network';
import { onnxruntime, reference } from './onnxruntime';
import { ours } from './ours';
import { adapterInfo, measurePeak } from './peak';
import { tensorflowInPage } from './tensorflow';

/** `weights`: address of TAESD's weight file, where there is one. */
type Orders = { readonly weights?: string } & (
  | ({ readonly mode: 'together' } & BenchOptions)
  | { readonly mode: 'alone'; readonly name: string; readonly size: number }
);

const contenders: readonly Contender[] = [...ours, loop, ...onnxruntime, ...tensorflowInPage];

const post = (place: string, text: string): Promise<Response> => fetch(place, { method: 'POST', body: text });
const say = (...parts: unknown[]): void => void post('say', parts.join(' '));

/** Of all of the browser's processes, which the page cannot see. */
const processor = async (): Promise<number | undefined> => {
  const text = await (await post('processor', '')).text();
  return text ? Number(text) : undefined;
};

async function runTogether(orders: Extract<Orders, { mode: 'together' }>) {
  const shipped = new URL('../../weights/mini-sd15.safetensors', import.meta.url).href;
  const networks = [await taesdNetwork(orders.weights), await miniNetwork(shipped), linearNetwork()];
  // Before and after, for others may use the machine meanwhile.
  const before = await measurePeak();
  const rows = await measure(networks, orders, { all: contenders, reference, say, processor });
  const after = await measurePeak();
  return {
    adapter: await adapterInfo(),
    peak: after && before && (after.gflops > before.gflops ? after : before),
    weights: networks[0]!.weights,
    // Who can be asked to run alone.
    names: contenders.filter(({ tasks }) => tasks?.includes('taesd') !== false).map(({ name }) => name),
    rows,
  };
}

/** `mark` waits until run.mjs has looked at the processes. */
async function runAlone({ name, size, weights }: Extract<Orders, { mode: 'alone' }>) {
  const contender = contenders.find((one) => one.name === name);
  if (!contender) throw new Error(`there is no contender '${name}'`);
  const network = await taesdNetwork(weights);
  const latents = latentsOf(size);
  const mark = (moment: string): Promise<Response> => post('mark', moment);
  await mark('idle');
  charge(name);
  let session: Session | undefined;
  const cold = await timed(async () => {
    await contender.load?.();
    session = await contender.prepare(network);
    await session.decode(latents);
  });
  await mark('first');
  const steady: number[] = [];
  for (let spent = 0; steady.length < slowRounds || (spent < 3000 && steady.length < 50); spent += steady.at(-1)!)
    steady.push(await timed(() => session?.decode(latents)));
  await mark('steady');
  return { name, size, flops: nominalFlops(network, size), cold, steady };
}

try {
  const orders = (await (await fetch('orders')).json()) as Orders;
  const result = await (orders.mode === 'alone' ? runAlone(orders) : runTogether(orders));
  await post('result', JSON.stringify(result));
} catch (error) {
  await post('failure', String(error));
}
