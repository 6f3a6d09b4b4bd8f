// From a decoder's three planes to 8-bit sRGB on the CPU: the other side of shaders/lib/picture-output.wgsl.

import { type Decoder, outputScale } from './decoders/decoder';

/**
 * Activates `count` pixels of three planes (3, count), rounds half up and writes them into `rgba` from pixel
 * `first` on; with `hasAlpha` a fourth plane is their alpha.
 * @returns false where a value was not finite or absurdly large: the latents hold elements to be replaced first
 */
export function writePixels(
  planes: Float32Array,
  count: number,
  output: Decoder['output'],
  rgba: Uint32Array,
  first: number,
  hasAlpha = false,
): boolean {
  const scale = outputScale(output);
  if (output.activation === 'clamp') {
    const sane = writeClamped(planes, count, scale, rgba, first);
    if (hasAlpha) writeAlpha(planes, count, scale, rgba, first);
    return sane;
  }
  const convert = output.activation === 'sigmoid' ? sigmoid : oklabToSrgb;
  let sane = true;
  for (let i = 0; i < count; i++) {
    const [x, y, z] = [planes[i], planes[count + i], planes[2 * count + i]];
    // NaN fails the comparison too.
    if (!(Math.abs(x) + Math.abs(y) + Math.abs(z) < insane)) sane = false;
    const [r, g, b] = convert(x, y, z);
    rgba[first + i] = pack(r * 255 + 0.5, g * 255 + 0.5, b * 255 + 0.5);
  }
  return sane;
}

/** A loop of its own: the linear maps' speed on the CPU is half this. */
function writeClamped(
  planes: Float32Array,
  count: number,
  { scale, offset }: { scale: number; offset: number },
  rgba: Uint32Array,
  first: number,
): boolean {
  // Steps of 1/255 and the half that rounds up, folded into the range.
  const gain = scale * 255;
  const start = offset * 255 + 0.5;
  let sane = true;
  for (let i = 0; i < count; i++) {
    const r = planes[i] * gain + start;
    const g = planes[count + i] * gain + start;
    const b = planes[2 * count + i] * gain + start;
    if (!(Math.abs(r) + Math.abs(g) + Math.abs(b) < insane)) sane = false;
    rgba[first + i] = pack(r, g, b);
  }
  return sane;
}

/** The fourth plane in the place of opaque. */
function writeAlpha(
  planes: Float32Array,
  count: number,
  { scale, offset }: { scale: number; offset: number },
  rgba: Uint32Array,
  first: number,
): void {
  for (let i = 0; i < count; i++) {
    const alpha = step((planes[3 * count + i] * scale + offset) * 255 + 0.5);
    rgba[first + i] = (rgba[first + i] & 0xffffff) | (alpha << 24);
  }
}

/** Above this a pixel's latents cannot be sane: they are read again with what is not finite replaced. */
const insane = 1e6;

/** Bytes R, G, B, 255 in memory order. */
const pack = (r: number, g: number, b: number): number => 0xff000000 | (step(b) << 16) | (step(g) << 8) | step(r);

const step = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value | 0);

const sigmoid = (r: number, g: number, b: number): [number, number, number] => [
  1 / (1 + Math.exp(-r)),
  1 / (1 + Math.exp(-g)),
  1 / (1 + Math.exp(-b)),
];

const curve = (value: number): number => {
  const linear = value < 0 ? 0 : value > 1 ? 1 : value;
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
};

/** OKLab (Björn Ottosson, 2020; public domain) to linear sRGB, then the sRGB transfer curve; clamped to 0..1. */
export function oklabToSrgb(lightness: number, a: number, b: number): [number, number, number] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    curve(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    curve(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    curve(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}
