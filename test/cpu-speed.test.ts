// The CPU path against a loop written by hand for four channels, in one run and by turns: a ratio, not a time.

import { expect, it } from 'vitest';
import { createPreviewer, formats, latentsFromArray, linear } from '../src/index';
import { noise } from '../src/ops/examples';

const side = 1024;

/** What a web-UI author would write: SD1 latents (4, H, W) to RGBA. */
function byHand(
  latents: Float32Array,
  factors: readonly (readonly number[])[],
  bias: readonly number[],
): Uint8ClampedArray {
  const count = side * side;
  const rgba = new Uint8ClampedArray(count * 4);
  const [a, b, c, d] = factors as [number[], number[], number[], number[]];
  for (let i = 0; i < count; i++) {
    const z0 = latents[i]!;
    const z1 = latents[count + i]!;
    const z2 = latents[2 * count + i]!;
    const z3 = latents[3 * count + i]!;
    rgba[i * 4] = (a[0]! * z0 + b[0]! * z1 + c[0]! * z2 + d[0]! * z3 + bias[0]!) * 127.5 + 127.5;
    rgba[i * 4 + 1] = (a[1]! * z0 + b[1]! * z1 + c[1]! * z2 + d[1]! * z3 + bias[1]!) * 127.5 + 127.5;
    rgba[i * 4 + 2] = (a[2]! * z0 + b[2]! * z1 + c[2]! * z2 + d[2]! * z3 + bias[2]!) * 127.5 + 127.5;
    rgba[i * 4 + 3] = 255;
  }
  return rgba;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

it('stays within twice the time of a loop by hand: linear, 1024×1024', async () => {
  const data = noise(4 * side * side, 1);
  const latents = latentsFromArray(data, { shape: [1, 4, side, side] });
  const format = formats.sd15!;
  const previewer = await createPreviewer({ format, decoder: linear(format), backend: 'cpu' });
  const [hand, ours]: number[][] = [[], []];
  let picture: ImageData | undefined;
  let expected: Uint8ClampedArray | undefined;
  for (let round = 0; round < 25; round++) {
    let start = performance.now();
    expected = byHand(data, format.latentRgbFactors!, format.latentRgbBias ?? [0, 0, 0]);
    hand!.push(performance.now() - start);
    start = performance.now();
    picture = await previewer.toImageData(latents);
    ours!.push(performance.now() - start);
  }
  for (let i = 0; i < expected!.length; i++)
    if (Math.abs(expected![i]! - picture!.data[i]!) > 1) throw new Error(`byte ${i} differs`);
  // Round by round: both of a round met the same load.
  const ratio = median(ours!.map((time, round) => time / hand![round]!));
  console.log(`CPU path ${median(ours!).toFixed(1)} ms, by hand ${median(hand!).toFixed(1)} ms: ${ratio.toFixed(2)}×`);
  expect(ratio).toBeLessThan(2);
});
