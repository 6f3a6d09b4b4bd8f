// The replay server: a WebSocket at /live of whatever serves the demo page, as a plugin of Vite. `?sample=flux-chelsea`,
// `content=x0|sample`, `dtype`, `deflate=1`, `steps`, `rate` (steps a second); one series of steps after the other.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { root } from './setup.mjs';

const folder = join(root, 'demo', 'public', 'samples');
const pauseMilliseconds = 1500;

/** @returns {import('vite').Plugin} */
export const liveReplay = () => ({
  name: 'live-replay',
  configureServer: ({ httpServer }) => void (httpServer && serveLive(httpServer)),
  configurePreviewServer: ({ httpServer }) => void serveLive(httpServer),
});

/** @param {Pick<import('node:http').Server, 'on'>} server */
export function serveLive(server) {
  server.on('upgrade', async (request, socket, head) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://live');
    // Others are Vite's own.
    if (pathname !== '/live') return;
    try {
      const { WebSocketServer } = await import('ws');
      const sockets = new WebSocketServer({ noServer: true });
      sockets.handleUpgrade(request, socket, head, (viewer) => void replay(viewer, searchParams));
    } catch {
      socket.destroy();
    }
  });
}

/** @type {Promise<typeof import('./live-steps')> | undefined} */
let steps;

/** The sources are TypeScript, which Vite reads. */
async function loadSteps() {
  const { runnerImport } = await import('vite');
  return (await runnerImport(join(root, 'scripts', 'live-steps.ts'), { configFile: false })).module;
}

/**
 * @param {import('ws').WebSocket} viewer
 * @param {URLSearchParams} query
 */
async function replay(viewer, query) {
  viewer.on('error', () => viewer.terminate());
  try {
    const { sample, rate, ...options } = readQuery(query);
    const file = readFileSync(join(folder, sample.file));
    steps ??= loadSteps();
    const { livePackets } = await steps;
    for (let seed = 1; viewer.readyState === viewer.OPEN; seed++) {
      let step = 0;
      for await (const packet of livePackets(file, { ...options, format: sample.format, seed })) {
        step++;
        if (viewer.readyState !== viewer.OPEN) return;
        // One that has not got the step before yet is better off with the next; but the last is what all was for.
        if (viewer.bufferedAmount === 0 || step === options.steps) viewer.send(packet);
        await wait(1000 / rate);
      }
      await wait(pauseMilliseconds);
    }
  } catch (error) {
    // A reason has room for 123 bytes.
    viewer.close(1008, String(error instanceof Error ? error.message : error).slice(0, 120));
  }
}

/** @param {URLSearchParams} query */
function readQuery(query) {
  const { samples } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  /** @type {(name: string, allowed: readonly string[]) => string} */
  const oneOf = (name, allowed) => {
    const value = query.get(name) ?? allowed[0];
    if (!allowed.includes(value)) throw new Error(`${name}: one of ${allowed.join(', ')}`);
    return value;
  };
  /** @type {(name: string, usual: number, most: number) => number} */
  const upTo = (name, usual, most) => {
    const value = Number(query.get(name) ?? usual);
    if (!Number.isInteger(value) || value < 1 || value > most) throw new Error(`${name}: 1 to ${most}`);
    return value;
  };
  const sample = samples.find((one) => one.kind === 'image' && one.id === (query.get('sample') ?? 'flux-chelsea'));
  if (!sample) throw new Error('sample: there is none of that name');
  return {
    sample,
    content: oneOf('content', ['x0', 'sample']),
    dtype: oneOf('dtype', ['float16', 'bfloat16', 'float32', 'uint8']),
    deflate: oneOf('deflate', ['0', '1']) === '1',
    steps: upTo('steps', 30, 1000),
    rate: upTo('rate', 8, 1000),
  };
}
