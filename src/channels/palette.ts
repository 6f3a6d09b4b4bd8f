// How a number becomes a colour.

/**
 * `grey`: black to white. `diverging`: blue over near white to orange and red, for ranges with 0 in the middle; its two
 * sides differ in lightness steps too, so that it reads without telling red from green.
 */
export type Palette = 'grey' | 'diverging';

type Rgb = readonly [red: number, green: number, blue: number];

/** At equal distances, straight in sRGB between them. */
const stops: Readonly<Record<Palette, readonly Rgb[]>> = {
  grey: [
    [0, 0, 0],
    [255, 255, 255],
  ],
  diverging: [
    [20, 40, 110],
    [80, 140, 210],
    [244, 244, 244],
    [232, 130, 70],
    [120, 20, 30],
  ],
};

/** Writes the opaque colour of `place`, 0 to 1 from the palette's first to its last, at byte `at`. */
export function writeColour(palette: Palette, place: number, data: Uint8ClampedArray, at: number): void {
  const colours = stops[palette];
  const scaled = Math.min(Math.max(place, 0), 1) * (colours.length - 1);
  const before = Math.min(Math.floor(scaled), colours.length - 2);
  const [from, to] = [colours[before], colours[before + 1]];
  const part = scaled - before;
  // Half up: clamped arrays round halves to even.
  for (let k = 0; k < 3; k++) data[at + k] = Math.floor(from[k] + (to[k] - from[k]) * part + 0.5);
  data[at + 3] = 255;
}

/** A palette's colours as CSS, first to last, straight between them: for a legend beside the pictures. */
export const paletteColours = (palette: Palette): readonly string[] =>
  stops[palette].map(([red, green, blue]) => `rgb(${red} ${green} ${blue})`);

export const isPalette = (name: string): name is Palette => Object.hasOwn(stops, name);
