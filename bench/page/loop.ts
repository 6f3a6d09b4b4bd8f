// The linear map as one writes it by hand: the yardstick of everything that is not a loop.

import type { Contender } from './contender';

export const loop: Contender = {
  name: 'JavaScript loop by hand',
  tasks: ['linear'],
  async prepare({ convs }) {
    const { weight, bias } = convs.get('map')!;
    const [a, b, c, d, e, f, g, h, i, j, k, l] = weight.map((value) => value * 255) as unknown as number[];
    const [red, green, blue] = bias!.map((value) => value * 255) as unknown as number[];
    return {
      decode({ data, size }) {
        const count = size * size;
        const pixels = new Uint8ClampedArray(count * 4);
        for (let p = 0; p < count; p++) {
          const [x, y, z, w] = [data[p]!, data[count + p]!, data[2 * count + p]!, data[3 * count + p]!];
          pixels[p * 4] = red! + a! * x + b! * y + c! * z + d! * w;
          pixels[p * 4 + 1] = green! + e! * x + f! * y + g! * z + h! * w;
          pixels[p * 4 + 2] = blue! + i! * x + j! * y + k! * z + l! * w;
          pixels[p * 4 + 3] = 255;
        }
        return { pixels };
      },
    };
  },
};
