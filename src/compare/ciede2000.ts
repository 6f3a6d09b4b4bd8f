// Perceived colour difference: sRGB bytes → CIE Lab under D65 → CIEDE2000.
// Our own on typed arrays: culori 4, one colour object at a time, needs more than three times as long, and that is
// without making the objects.

import type { ImageDataLike } from './image';

/** Mean CIEDE2000 over all pixels (kL = kC = kH = 1). About 1 is the smallest difference that people notice. */
export function meanColorDifference({ data: image }: ImageDataLike, { data: reference }: ImageDataLike): number {
  const linear = linearLight();
  const first = new Float64Array(3);
  const second = new Float64Array(3);
  let sum = 0;
  for (let i = 0; i < image.length; i += 4) {
    if (image[i] === reference[i] && image[i + 1] === reference[i + 1] && image[i + 2] === reference[i + 2]) continue;
    writeLab(linear[image[i]], linear[image[i + 1]], linear[image[i + 2]], first);
    writeLab(linear[reference[i]], linear[reference[i + 1]], linear[reference[i + 2]], second);
    sum += ciede2000(first, second);
  }
  return sum / (image.length / 4);
}

/** Light in 0..1 for each sRGB byte (IEC 61966-2-1). */
function linearLight(): Float64Array {
  return Float64Array.from({ length: 256 }, (_, byte) => {
    const value = byte / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
}

/** Linear sRGB in 0..1 to Lab (L, a, b). XYZ are relative to the matrix's own white, so that greys have a = b = 0. */
function writeLab(red: number, green: number, blue: number, lab: Float64Array): void {
  // sRGB primaries and D65 white (x 0.3127, y 0.3290) as XYZ rows.
  const x = labCurve((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047);
  const y = labCurve(0.2126729 * red + 0.7151522 * green + 0.0721749 * blue);
  const z = labCurve((0.0193339 * red + 0.119192 * green + 0.9503041 * blue) / 1.08883);
  lab[0] = 116 * y - 16;
  lab[1] = 500 * (x - y);
  lab[2] = 200 * (y - z);
}

function labCurve(value: number): number {
  return value > 216 / 24389 ? Math.cbrt(value) : ((24389 / 27) * value + 16) / 116;
}

/**
 * CIEDE2000 between two Lab colours (L, a, b), after the notes of G. Sharma, W. Wu and E. N. Dalal, Color Research &
 * Application 30(1), 2005. Angles in radians. A grey's hue, which the notes set by rule, plays no part: its chroma of 0
 * makes the hue term 0, and nothing else depends on it.
 */
export function ciede2000(first: Float64Array, second: Float64Array): number {
  const b1 = first[2];
  const b2 = second[2];
  const chromaBefore = (length(first[1], b1) + length(second[1], b2)) / 2;
  const stretch = 1 + 0.5 * (1 - highChroma(chromaBefore));
  const a1 = stretch * first[1];
  const a2 = stretch * second[1];

  const chroma1 = length(a1, b1);
  const chroma2 = length(a2, b2);
  const chroma = (chroma1 + chroma2) / 2;

  const hue1 = hueOf(a1, b1);
  const hue2 = hueOf(a2, b2);
  let hueStep = hue2 - hue1;
  let hue = (hue1 + hue2) / 2;
  if (Math.abs(hueStep) > Math.PI) {
    // The short way round. The sine of half the step is the same for a turn more or less.
    hueStep -= 2 * Math.PI;
    hue += hue < Math.PI ? Math.PI : -Math.PI;
  }

  const hueWeight =
    1 -
    0.17 * Math.cos(hue - 30 * degree) +
    0.24 * Math.cos(2 * hue) +
    0.32 * Math.cos(3 * hue + 6 * degree) -
    0.2 * Math.cos(4 * hue - 63 * degree);
  const fromMiddle = ((first[0] + second[0]) / 2 - 50) ** 2;
  const lightnessTerm = (second[0] - first[0]) / (1 + (0.015 * fromMiddle) / Math.sqrt(20 + fromMiddle));
  const chromaTerm = (chroma2 - chroma1) / (1 + 0.045 * chroma);
  const hueTerm = (2 * Math.sqrt(chroma1 * chroma2) * Math.sin(hueStep / 2)) / (1 + 0.015 * chroma * hueWeight);
  const fromBlue = (hue - 275 * degree) / (25 * degree);
  const rotation = -2 * highChroma(chroma) * Math.sin(60 * degree * Math.exp(-fromBlue * fromBlue));
  return Math.sqrt(
    lightnessTerm * lightnessTerm + chromaTerm * chromaTerm + hueTerm * hueTerm + rotation * chromaTerm * hueTerm,
  );
}

const degree = Math.PI / 180;

/** Math.hypot guards against overflow at more than twice the cost. */
function length(a: number, b: number): number {
  return Math.sqrt(a * a + b * b);
}

/** 0 for greys, near 1 for vivid colours: √(C⁷ / (C⁷ + 25⁷)). */
function highChroma(chroma: number): number {
  const seventhPower = (chroma * chroma * chroma) ** 2 * chroma;
  return Math.sqrt(seventhPower / (seventhPower + 6103515625));
}

/** 0 to 2π. */
function hueOf(a: number, b: number): number {
  const angle = Math.atan2(b, a);
  return angle < 0 ? angle + 2 * Math.PI : angle;
}
