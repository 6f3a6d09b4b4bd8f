// latent-preview/clips: how latent frames lie in time, and sheets of many pictures. What families publish is held to numbers
// that are written down here.

import { describe, expect, it } from 'vitest';
import { clipTiming, contactSheet, frameAt, sheetGrid } from '../src/clips/index';
import { copyleftFormats } from '../src/formats/copyleft/index';
import { formats, LatentPreviewError } from '../src/index';

const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'nothing was thrown';
  } catch (error) {
    return error instanceof LatentPreviewError ? `${error.code}: ${error.message}` : `${error}`;
  }
};

describe('clipTiming', () => {
  // Latent frames, frames of video and seconds of clips as their families write them.
  it.each([
    ['wan21', 21, 81, 81 / 16],
    ['wan22', 31, 121, 121 / 24],
    ['hunyuanvideo', 33, 129, 129 / 24],
    ['hunyuanvideo15', 31, 121, 121 / 24],
    ['ltxv', 21, 161, 161 / 25],
    ['ltx2', 16, 121, 121 / 24],
    ['ltx2_3', 16, 121, 121 / 24],
    ['mochi', 15, 85, 85 / 30],
    ['cogvideox', 13, 49, 49 / 8],
    ['cogvideox15', 21, 81, 81 / 16],
    ['cosmos1', 16, 121, 121 / 24],
    ['allegro', 22, 88, 88 / 15],
    ['easyanimate-magvit', 13, 49, 49 / 8],
  ])('%s: %i latent frames are %i of video', (id, latentFrames, videoFrames, duration) => {
    const timing = clipTiming(id, latentFrames);
    expect(timing.videoFrames).toBe(videoFrames);
    expect(timing.duration).toBeCloseTo(duration, 12);
    expect(timing.frames).toHaveLength(latentFrames);
    // One after the other, without holes, to the end.
    let [frame, time] = [0, 0];
    for (const one of timing.frames) {
      expect(one.videoFrame).toBe(frame);
      expect(one.start).toBeCloseTo(time, 12);
      frame += one.videoFrames;
      time += one.duration;
    }
    expect([frame, time]).toEqual([videoFrames, expect.closeTo(duration, 9)]);
  });

  it('a causal clip begins with one frame of video, another with as many as the others', () => {
    expect(clipTiming('wan21', 3).frames).toEqual([
      { videoFrame: 0, videoFrames: 1, start: 0, duration: 1 / 16 },
      { videoFrame: 1, videoFrames: 4, start: 1 / 16, duration: 4 / 16 },
      { videoFrame: 5, videoFrames: 4, start: 5 / 16, duration: 4 / 16 },
    ]);
    expect(clipTiming('allegro', 2).frames.map(({ videoFrames }) => videoFrames)).toEqual([4, 4]);
  });

  it('takes a rate of the caller, and objects', () => {
    expect(clipTiming('wan21', 2, { framesPerSecond: 10 }).duration).toBe(0.5);
    expect(clipTiming({ ...formats.wan21!, temporalDownscale: undefined }, 3).videoFrames).toBe(3);
  });

  it('refuses what it cannot know', () => {
    expect(codeOf(() => clipTiming('seedvr2', 3))).toBe(
      "format: clip: 'seedvr2' publishes no frame rate; pass `framesPerSecond`",
    );
    expect(clipTiming('seedvr2', 3, { framesPerSecond: 24 }).videoFrames).toBe(9);
    for (const framesPerSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(codeOf(() => clipTiming('wan21', 3, { framesPerSecond }))).toMatch(/^shape: clip: .* frames per second/);
    for (const frames of [0, 1.5, Number.NaN])
      expect(codeOf(() => clipTiming('wan21', frames))).toMatch(/^shape: clip: .* latent frames/);
    expect(codeOf(() => clipTiming({ ...formats.wan21!, framesPerSecond: 0 }, 3))).toBe(
      "format: format 'wan21': framesPerSecond is 0, needed a positive number, or nothing",
    );
  });

  it('families of pictures publish no rate; all maps of a family the same', () => {
    const rated = Object.values(formats).filter(({ framesPerSecond }) => framesPerSecond !== undefined);
    expect(rated.length).toBeGreaterThan(12);
    for (const { dims, temporalDownscale } of rated) expect([dims, typeof temporalDownscale]).toEqual([3, 'number']);
    for (const format of [...Object.values(formats), ...Object.values(copyleftFormats)]) {
      const base = formats[format.base]!;
      expect([format.framesPerSecond, format.causal], format.id).toEqual([base.framesPerSecond, base.causal]);
    }
  });
});

it('frameAt finds the frame on show', () => {
  const timing = clipTiming('wan21', 4);
  // Frames begin at 0, 1/16, 5/16 and 9/16.
  const at = [-1, 0, 0.06, 0.0625, 0.3, 0.3125, 0.5624, 0.5625, 0.8, 99].map((seconds) => frameAt(timing, seconds));
  expect(at).toEqual([0, 0, 0, 1, 1, 2, 2, 3, 3, 3]);
  expect(frameAt(clipTiming('wan21', 1), 5)).toBe(0);
});

describe('contactSheet', () => {
  /** One colour each, its number in red. */
  const pictures = (count: number, width: number, height: number) =>
    Array.from({ length: count }, (_, index) => ({
      width,
      height,
      data: new Uint8ClampedArray(width * height * 4).map((_, k) => [index + 1, k >> 2, 7, 255][k & 3]!),
    }));
  const pixel = ({ width, data }: { width: number; data: Uint8ClampedArray }, x: number, y: number) => [
    ...data.slice((y * width + x) * 4, (y * width + x) * 4 + 4),
  ];

  it('lays pictures row by row, with gaps that are transparent', () => {
    const sheet = contactSheet(pictures(5, 3, 2), { columns: 2, gap: 1 });
    expect([sheet.width, sheet.height]).toEqual([7, 8]);
    expect(pixel(sheet, 0, 0)).toEqual([1, 0, 7, 255]);
    expect(pixel(sheet, 2, 1)).toEqual([1, 5, 7, 255]);
    expect(pixel(sheet, 3, 0)).toEqual([0, 0, 0, 0]);
    expect(pixel(sheet, 4, 0)).toEqual([2, 0, 7, 255]);
    expect(pixel(sheet, 6, 4)).toEqual([4, 5, 7, 255]);
    expect(pixel(sheet, 1, 7)).toEqual([5, 4, 7, 255]);
    expect(pixel(sheet, 5, 7)).toEqual([0, 0, 0, 0]);
  });

  it('is one picture where there is one', () => {
    const [picture] = pictures(1, 4, 3);
    const sheet = contactSheet([picture!], { columns: 9 });
    expect([sheet.width, sheet.height, [...sheet.data]]).toEqual([4, 3, [...picture!.data]]);
  });

  it('is about 4:3 where nobody says', () => {
    const { width, height } = contactSheet(pictures(21, 16, 9));
    expect([width / 16, height / 9]).toEqual([4, 6]);
  });

  it('refuses what is no sheet', () => {
    expect(codeOf(() => contactSheet([]))).toBe('shape: contact sheet: there are no pictures');
    expect(codeOf(() => contactSheet([...pictures(1, 2, 2), ...pictures(1, 2, 3)]))).toBe(
      'shape: contact sheet: picture 1 is 2×3, the first 2×2',
    );
    expect(codeOf(() => contactSheet([{ width: 2, height: 2, data: new Uint8ClampedArray(3) }]))).toMatch(/3 bytes/);
    for (const options of [{ columns: 0 }, { columns: 1.5 }, { gap: -1 }])
      expect(codeOf(() => contactSheet(pictures(2, 2, 2), options))).toMatch(/^shape: contact sheet: .* columns/);
    // Looked at before anything is allocated.
    const large = { width: 30_000, height: 30_000, data: new Uint8ClampedArray(0) };
    expect(codeOf(() => contactSheet([large, large]))).toMatch(/^shape: contact sheet: 2 pictures of 30000×30000 make/);
  });
});

it('sheetGrid makes cells as large as the frame lets them be', () => {
  expect(sheetGrid(4, 1, 1)).toEqual({ columns: 2, rows: 2 });
  expect(sheetGrid(21, 832 / 480, 16 / 9)).toEqual({ columns: 5, rows: 5 });
  expect(sheetGrid(3, 1, 4)).toEqual({ columns: 3, rows: 1 });
  expect(sheetGrid(3, 1, 0.2)).toEqual({ columns: 1, rows: 3 });
  expect(sheetGrid(1, 2, 1)).toEqual({ columns: 1, rows: 1 });
});
