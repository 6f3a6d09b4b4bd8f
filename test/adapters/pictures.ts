// Small pictures as servers send them, and who serves them.

import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encode as encodePng } from 'fast-png';
import { encode as encodeJpeg } from 'jpeg-js';
import type { ImageStep, LatentStep } from '../../src/stream/index';

const [width, height] = [8, 6];

/** One grey, so that pictures can be told apart. */
const grey = (level: number): Uint8Array =>
  Uint8Array.from({ length: width * height * 4 }, (_, k) => (k % 4 === 3 ? 255 : level));

export const jpeg = (level: number): Buffer =>
  Buffer.from(encodeJpeg({ width, height, data: Buffer.from(grey(level)) }, 95).data);
export const png = (level: number): Buffer =>
  Buffer.from(encodePng({ width, height, data: grey(level), channels: 4, depth: 8 }));

/** A real server on a port of its own, and its address. */
export async function serve(listener: RequestListener): Promise<{ server: Server; address: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

export const bytesOf = async ({ image }: ImageStep): Promise<Buffer> => Buffer.from(await image.arrayBuffer());

/** All of a source, which must end. */
export async function all<T extends ImageStep | LatentStep>(steps: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const step of steps) found.push(step);
  return found;
}
