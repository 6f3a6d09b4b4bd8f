// Streams in a browser: real steps through a real socket onto a canvas, the browser's own EventSource, streamed bodies.

import { readFileSync } from 'node:fs';
import { decode } from 'fast-png';
import { latentsFromArray } from '../../src/index';
import { encodeLatents } from '../../src/stream/index';
import { expect, type Suite, test } from './suite';

const sample = readFileSync(new URL('../../demo/public/samples/sd15-coffee.npy', import.meta.url));

for (const backend of ['cpu', 'webgpu'] as const)
  test(`steps through a WebSocket end in the sample’s picture: ${backend}`, async ({ suite: page }) => {
    await page.route('**/sample.npy', (route) => route.fulfill({ body: sample }));
    // From a server: Chromium takes pages that a test answers for public ones, which may not connect to this machine.
    await page.goto('/samples/manifest.json');
    const result = await page.evaluate(async (backend) => {
      const { createPreviewer, createPreviewStream, loadLatents, readLatentSteps } = (await import(
        '/browser-suite.js' as string
      )) as Suite;
      const previewer = await createPreviewer({ format: 'sd15', decoder: 'map', backend });
      const expected = await previewer.toImageData(await loadLatents('/sample.npy'));
      const socket = (query: string) =>
        new WebSocket(`${location.origin.replace('http', 'ws')}/live?sample=sd15-coffee&content=sample&${query}`);
      /** The first series of steps. */
      async function* series(from: WebSocket) {
        for await (const step of readLatentSteps(from)) {
          yield step;
          if (step.step === step.steps) break;
        }
        from.close();
      }
      const canvas = document.body.appendChild(document.createElement('canvas'));
      canvas.style.cssText = 'position: fixed; inset: 0';
      const run = async (query: string, drop: 'latest' | 'never') => {
        const shown: number[] = [];
        const stream = createPreviewStream(previewer, canvas, {
          drop,
          maxInFlight: 2,
          onShown({ frame }) {
            if ('step' in frame) shown.push(frame.step);
          },
        });
        const read: number[] = [];
        await stream.pipe(
          (async function* () {
            for await (const step of series(socket(query))) {
              read.push(step.step);
              yield step;
            }
          })(),
        );
        const { statistics } = stream;
        stream.destroy();
        return { shown, read, statistics };
      };
      const all = await run('steps=5&rate=100', 'never');
      const fast = await run('steps=60&rate=1000', 'latest');
      previewer.destroy();
      return { all, fast, ran: previewer.backend, width: canvas.width, expected: [...expected.data] };
    }, backend);
    expect(result.ran).toBe(backend);
    // A busy server leaves steps out, but the last.
    expect(result.all.read.at(-1)).toBe(5);
    expect(result.all.shown).toEqual(result.all.read);
    expect(result.all.statistics).toMatchObject({ pushed: result.all.read.length, dropped: 0, failed: 0 });
    expect(result.all.statistics.meanMilliseconds).toBeGreaterThan(0);
    // Which are dropped is the machine's; in order, the last always, and each counted once.
    const { shown, read, statistics } = result.fast;
    expect(shown).toEqual([...shown].sort((a, b) => a - b));
    expect(shown.at(-1)).toBe(60);
    expect(statistics.pushed).toBe(read.length);
    expect(statistics.shown + statistics.dropped).toBe(read.length);
    // What is on the screen: a WebGPU canvas cannot be read once it was shown.
    const { width, channels, data } = decode(await page.locator('canvas').screenshot());
    expect(width).toBe(result.width);
    const seen = result.expected.map((_, i) => (i % 4 === 3 ? 255 : data[Math.floor(i / 4) * channels + (i % 4)]!));
    expect(Math.max(...seen.map((value, i) => Math.abs(value - result.expected[i]!)))).toBeLessThanOrEqual(1);
  });

test('events of an EventSource, and a body that is streamed', async ({ suite: page }) => {
  const packets = await Promise.all(
    [1, 2, 3].map((step) =>
      encodeLatents(latentsFromArray(new Float32Array(4).fill(step), { shape: [1, 4, 1, 1] }), {
        step,
        dtype: 'bfloat16',
        deflate: step > 1,
      }),
    ),
  );
  const [first, second, third] = packets.map((packet) => Buffer.from(packet).toString('base64'));
  await page.route('**/events', (route) =>
    route.fulfill({
      contentType: 'text/event-stream',
      body: `data: hello\n\ndata: ${first}\n\nevent: latents\ndata: ${second}\n\nevent: other\ndata: ${third}\n\n`,
    }),
  );
  await page.route('**/body', (route) => route.fulfill({ body: Buffer.concat(packets) }));
  const steps = await page.evaluate(async () => {
    const { readLatentSteps } = (await import('/browser-suite.js' as string)) as Suite;
    const events = new EventSource('/events');
    const found: number[] = [];
    for await (const { step, latents } of readLatentSteps(events)) {
      found.push(step, (latents.tensor as { data: Uint16Array }).data[3]!);
      if (step === 2) break;
    }
    events.close();
    for await (const { step } of readLatentSteps(await fetch('/body'))) found.push(step);
    return found;
  });
  // 1 and 2 as bfloat16.
  expect(steps).toEqual([1, 0x3f80, 2, 0x4000, 1, 2, 3]);
});
